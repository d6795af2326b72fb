package io.aegis.kernels;

/**
 * The complementary error function in double precision, about 2e-15 relative wherever the result is a normal number.
 * Below 1 by the series erf(x) = 2/sqrt(pi) exp(-x^2) sum of 2^n x^(2n+1) / (2n+1)!! (all terms of one sign), above by
 * the continued fraction (Abramowitz and Stegun 7.1.6 and 7.1.14). It serves the oracle; the fast kernels have
 * approximations of their own.
 */
public final class Erf {
    /** Above it 1 - series(x) would cancel: erfc(1) = 0.16 costs three bits, erfc(2.5) = 4e-4 would cost eleven. */
    private static final double SWITCH = 1;

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
        double square = x * x;
        double lost = Math.fma(x, x, -square); // what rounding took from x^2; at x = 26 it is worth 5e-14 of the result
        double f = x;
        for (int n = 20 + (int) (200 / square); n > 0; n--) { // the fraction converges as exp(-2 x sqrt(2 n))
            f = x + n / 2.0 / f;
        }
        return Math.exp(-square) * (1 - lost) / (Math.sqrt(Math.PI) * f);
    }
}
