"""The regularized incomplete beta function, the one special function of DESIGN 5.3.

Continued fraction of Abramowitz and Stegun 26.5.8 in the modified Lentz form (Lentz, 1976;
Thompson and Barnett, 1986), on the side of the mean where it converges fast.
"""
import functools
import math

TINY = 1e-300
ENOUGH = 1e-16
MOST_STEPS = 100_000


def _fraction(a, b, x):
    """Value of the continued fraction of I_x(a, b), without its leading factor."""
    c = 1.0
    d = 1.0 / (1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, MOST_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for step in (even, odd):
            d = 1.0 / (1.0 + step * d or TINY)
            c = 1.0 + step / c or TINY
            value *= c * d
        if abs(c * d - 1.0) <= ENOUGH:
            break
    return value


def betainc(a, b, x):
    """I_x(a, b) for a, b > 0 and 0 < x < 1."""
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
                     + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1.0 - x) / b


@functools.lru_cache(maxsize=200_000)
def kappa(floor, g, b):
    """DESIGN 5.3: the probability that the true keep rate is at or above `floor`.

    Rounded to 1e-9, as everything that is compared or shown (DESIGN 5).
    """
    a0 = math.log(0.5) / math.log(floor)
    if b == 0:
        return round(1.0 - floor ** (a0 + g), 9)
    return round(min(1.0, max(0.0, 1.0 - betainc(a0 + g, 1.0 + b, floor))), 9)
