/*
 * The regularized incomplete beta function, and the confidence that is made of it.
 *
 * Pure functions; no state, no allocation. Any thread.
 */
#ifndef TROTH_SCORING_BETA_H
#define TROTH_SCORING_BETA_H

/*
 * I_x(a, b), the regularized incomplete beta function.
 * In x: 0..1. In a, b: > 0, at most 1e12. Returns 0..1, absolute error below 1e-12 for a, b to 1e7.
 * Source: continued fraction DLMF 8.17.22, evaluated by the modified Lentz method (Thompson and
 * Barnett, 1986).
 */
double troth_beta_regularized(double x, double a, double b);

/* Returns a value in 0..1 rounded to 1e-9, as every confidence and freshness is before it is
 * compared or shown. */
double troth_round9(double value);

#endif
