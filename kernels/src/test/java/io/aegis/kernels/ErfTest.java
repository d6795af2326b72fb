package io.aegis.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class ErfTest {
    /** Rounded from 50 digits; 0.999 and 1 lie on the two sides of the switch between series and fraction. */
    private static final double[][] KNOWN = {
        {0.0, 1.0},
        {1e-10, 9.99999999887162083e-1},
        {0.1, 8.87537083981715102e-1},
        {0.5, 4.79500122186953462e-1},
        {0.999, 1.57714729793503058e-1},
        {1.0, 1.57299207050285131e-1},
        {1.5, 3.38948535246892729e-2},
        {2.0, 4.67773498104726584e-3},
        {2.5, 4.0695201744495894e-4},
        {3.0, 2.20904969985854414e-5},
        {5.0, 1.53745979442803485e-12},
        {10.0, 2.08848758376254476e-45},
        {20.0, 5.39586561160790093e-176},
        {26.0, 5.66319240885614285e-296},
        {-0.5, 1.52049987781304654},
        {-1.0, 1.84270079294971487},
        {-3.0, 1.99997790950300141}
    };

    @Test
    void knownValues() {
        for (double[] pair : KNOWN) {
            // Ten roundings' worth: some hundred additions, of which the late ones are small.
            assertThat(Erf.erfc(pair[0])).as("erfc(%s)", pair[0]).isCloseTo(pair[1], within(2.5e-15 * pair[1]));
        }
    }

    @Test
    void limits() {
        assertThat(Erf.erfc(Double.POSITIVE_INFINITY)).isZero();
        assertThat(Erf.erfc(Double.NEGATIVE_INFINITY)).isEqualTo(2);
        assertThat(Erf.erfc(30)).isZero();
        assertThat(Erf.erfc(Double.NaN)).isNaN();
    }
}
