/* The version of trothd and troth; the same as project(VERSION) in CMakeLists.txt. */
#ifndef TROTH_OPS_VERSION_H
#define TROTH_OPS_VERSION_H

#define TROTH_VERSION "0.1.0"

#endif
