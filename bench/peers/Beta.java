package troth.peers;

/** The regularized incomplete beta function, by the continued fraction DLMF 8.17.22 (modified Lentz). */
final class Beta {
    private static final int ITERATIONS_MAX = 20000;
    private static final double TINY = 1e-300;
    private static final double STIRLING_FROM = 16;
    private static final double HALF_LOG_TWO_PI = 0.91893853320467274178;

    private Beta() {
    }

    /** I_x(a, b) for 0 < x < 1 and a, b > 0. */
    static double regularized(double x, double a, double b) {
        if (b == 1.0) {
            return Math.pow(x, a); // exact, and the whole of a clean record's confidence
        }
        double front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
        double value = x < (a + 1) / (a + b + 2)
                ? front * fraction(x, a, b) / a
                : 1 - front * fraction(1 - x, b, a) / b;
        return Math.max(0, Math.min(1, value));
    }

    private static double fraction(double x, double a, double b) {
        double c = 1;
        double d = 1 / awayFromZero(1 - (a + b) * x / (a + 1));
        double h = d;
        for (int n = 1; n <= ITERATIONS_MAX; n++) {
            double even = n * (b - n) * x / ((a + 2.0 * n - 1) * (a + 2.0 * n));
            d = 1 / awayFromZero(1 + even * d);
            c = awayFromZero(1 + even / c);
            h *= d * c;
            double odd = -(a + n) * (a + b + n) * x / ((a + 2.0 * n) * (a + 2.0 * n + 1));
            d = 1 / awayFromZero(1 + odd * d);
            c = awayFromZero(1 + odd / c);
            double step = d * c;
            h *= step;
            if (Math.abs(step - 1) < 1e-15) {
                break;
            }
        }
        return h;
    }

    private static double awayFromZero(double value) {
        return Math.abs(value) < TINY ? TINY : value;
    }

    /** ln of the gamma function of z > 0: Stirling's series, small arguments raised to it by the recurrence. */
    private static double logGamma(double z) {
        double product = 1;
        while (z < STIRLING_FROM) {
            product *= z++;
        }
        double inverse = 1 / z;
        double square = inverse * inverse;
        double series = inverse * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square * (1.0 / 1680
                - square * (1.0 / 1188 - square * (691.0 / 360360))))));
        return (z - 0.5) * Math.log(z) - z + HALF_LOG_TWO_PI + series - Math.log(product);
    }
}
