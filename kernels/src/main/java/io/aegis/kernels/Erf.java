package io.aegis.kernels;

/**
 * The complementary error function in double precision, about 1e-15 relative. Below 2.5 by the series erf(x) = 2/sqrt(pi)
 * exp(-x^2) sum of 2^n x^(2n+1) / (2n+1)!! (all terms of one sign), above by the continued fraction (Abramowitz and
 * Stegun 7.1.6 and 7.1.14). It serves the oracle; the fast kernels have approximations of their own.
 */
public final class Erf {
    private static final double SWITCH = 2.5;

    private Erf() {}

    /** 2/sqrt(pi) times the integral of exp(-t^2) from x to infinity. */
    public static double erfc(double x) {
        if (Double.isNaN(x)) {
            return x;
        }
        double a = Math.abs(x);
        double tail = a < SWITCH ? 1 - series(a) : a > 27 ? 0 : fraction(a);
        return x < 0 ? 2 - tail : tail;
    }

    private static double series(double x) {
        double term = x;
        double sum = x;
        for (int n = 1; term > sum * 1e-17; n++) {
            term *= 2 * x * x / (2 * n + 1);
            sum += term;
        }
        return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
    }

    private static double fraction(double x) {
        double f = x;
        for (int n = 120; n > 0; n--) {
            f = x + n / 2.0 / f;
        }
        return Math.exp(-x * x) / (Math.sqrt(Math.PI) * f);
    }
}
