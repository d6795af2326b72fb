package io.aegis.kernels.scalar;

import io.aegis.kernels.RotaryEmbedding;
import io.aegis.kernels.View;

/** y[j] = x[j] cos[j] - x[j + D/2] sin[j], y[j + D/2] = x[j + D/2] cos[j] + x[j] sin[j], for each j below D/2. */
final class ScalarRotaryEmbedding implements RotaryEmbedding {
    @Override
    public void rotate(View x, View cos, View sin, boolean inverse, View y) {
        int half = Math.toIntExact(x.size(3) / 2);
        assert x.size(3) == 2L * half && cos.size(-1) == half && cos.sameShape(sin) : x + " turned by " + cos;
        double sign = inverse ? -1 : 1;
        for (long b = 0; b < x.size(0); b++) {
            for (long n = 0; n < x.size(1); n++) {
                double[] c = Doubles.readRow(cos, cos.rank() == 3 ? cos.index(b, n) : cos.index(n));
                double[] s = Doubles.readRow(sin, sin.rank() == 3 ? sin.index(b, n) : sin.index(n));
                for (long h = 0; h < x.size(2); h++) {
                    double[] row = Doubles.readRow(x, x.index(b, n, h));
                    for (int j = 0; j < half; j++) {
                        double left = row[j];
                        double right = row[j + half];
                        row[j] = left * c[j] - sign * right * s[j];
                        row[j + half] = right * c[j] + sign * left * s[j];
                    }
                    Doubles.writeRow(row, y, y.index(b, n, h));
                }
            }
        }
    }
}
