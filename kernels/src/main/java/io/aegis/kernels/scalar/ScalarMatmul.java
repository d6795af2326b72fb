package io.aegis.kernels.scalar;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.View;

/** c[i, j] = act(sum over k of a[i, k] b[k, j] + bias[j]), plus or times other[i, j]; a [..., M, K], b [..., K, N], c [..., M, N]. */
final class ScalarMatmul implements Matmul {
    @Override
    public void multiply(View a, View b, View c, Epilogue epilogue) {
        assert a.rank() == c.rank() && b.rank() == c.rank() : a + " times " + b + " into " + c;
        if (c.rank() > 2) {
            for (long i = 0; i < c.size(0); i++) {
                multiply(a.select(0, i), b.select(0, i), c.select(0, i), epilogue.select(i));
            }
            return;
        }
        assert a.size(0) == c.size(0) && a.size(1) == b.size(0) && b.size(1) == c.size(1)
                : a + " times " + b + " into " + c;
        int inner = Math.toIntExact(b.size(0));
        double[][] right = new double[inner][];
        for (int k = 0; k < inner; k++) {
            right[k] = Doubles.readRow(b, b.index(k));
        }
        double[] bias = epilogue.bias() == null ? null : Doubles.read(epilogue.bias());
        for (long i = 0; i < c.size(0); i++) {
            double[] left = Doubles.readRow(a, a.index(i));
            double[] sums = new double[Math.toIntExact(c.size(1))];
            for (int k = 0; k < inner; k++) {
                double factor = left[k];
                double[] row = right[k];
                for (int j = 0; j < sums.length; j++) {
                    sums[j] += factor * row[j];
                }
            }
            store(sums, bias, epilogue, c, i);
        }
    }

    @Override
    public void multiplyRows(View a, View b, View c, Epilogue epilogue) {
        multiply(a, b, c, epilogue); // rows never meet here
    }

    private static void store(double[] sums, double[] bias, Epilogue epilogue, View c, long row) {
        Activation f = epilogue.activation();
        for (int j = 0; j < sums.length; j++) {
            long at = c.index(row) + j * c.stride(1);
            double sum = f.value(bias == null ? sums[j] : sums[j] + bias[j]);
            View other = epilogue.accumulate() ? c : epilogue.other();
            if (other == null) {
                c.setAt(at, sum);
                continue;
            }
            double x = other.getAt(other.index(row) + j * other.stride(1));
            c.setAt(at, epilogue.merge() == Merge.TIMES ? sum * x : sum + x);
        }
    }
}
