/*
 * Assertions that stay on in every build. They guard against bugs of ours, never against data.
 */
#ifndef TROTH_SCHEMAS_ASSERT_H
#define TROTH_SCHEMAS_ASSERT_H

#define TROTH_ASSERT(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)

#endif
