package io.aegis.kernels.scalar;

import io.aegis.kernels.MutualInformation;
import io.aegis.kernels.View;
import java.util.List;
import java.util.Objects;

/**
 * M = log(mean exp(X)) - mean(X), X[i, d] = (a[pa[i], d] + b[pb[i], d]) / 2, a, b and X [B, D], n = B D; so dX = dM
 * (exp(X) / sum exp(X) - 1 / n), half of which goes to the row of a and half to the row of b that X came from.
 */
final class ScalarMutualInformation implements MutualInformation {
    @Override
    public void forward(View a, View b, View permuteA, View permuteB, View loss) {
        double sum = 0;
        double sumExp = 0;
        for (long i = 0; i < a.size(0); i++) {
            for (double x : critic(a, b, permuteA, permuteB, i)) {
                sum += x;
                sumExp += Math.exp(x);
            }
        }
        long n = a.elements();
        loss.setAt(loss.offset(), Math.log(sumExp / n) - sum / n);
    }

    @Override
    public void backward(View a, View b, View permuteA, View permuteB, View dloss, View da, View db) {
        int rows = Math.toIntExact(a.size(0));
        int width = Math.toIntExact(a.size(1));
        double[][] exps = new double[rows][];
        double sumExp = 0;
        for (int i = 0; i < rows; i++) {
            exps[i] = critic(a, b, permuteA, permuteB, i);
            for (int d = 0; d < width; d++) {
                exps[i][d] = Math.exp(exps[i][d]);
                sumExp += exps[i][d];
            }
        }
        double scale = dloss.getAt(dloss.offset());
        double[][] toA = new double[rows][width];
        double[][] toB = new double[rows][width];
        for (int i = 0; i < rows; i++) {
            double[] rowA = toA[source(permuteA, i, a)];
            double[] rowB = toB[source(permuteB, i, b)];
            for (int d = 0; d < width; d++) {
                double dx = scale * (exps[i][d] / sumExp - 1.0 / a.elements());
                rowA[d] += dx / 2;
                rowB[d] += dx / 2;
            }
        }
        writeUnlessNull(toA, da);
        writeUnlessNull(toB, db);
    }

    @Override
    public void means(List<View> tokens, View means) {
        for (int k = 0; k < tokens.size(); k++) {
            double[] x = Doubles.read(tokens.get(k));
            double sum = 0;
            for (double value : x) {
                sum += value;
            }
            means.setAt(means.offset() + k, sum / x.length);
        }
    }

    private static double[] critic(View a, View b, View permuteA, View permuteB, long i) {
        double[] x = Doubles.readRow(a, a.index(source(permuteA, i, a)));
        double[] y = Doubles.readRow(b, b.index(source(permuteB, i, b)));
        for (int d = 0; d < x.length; d++) {
            x[d] = (x[d] + y[d]) / 2;
        }
        return x;
    }

    private static int source(View permutation, long row, View v) {
        return (int) Objects.checkIndex(permutation.getLong(row), v.size(0));
    }

    private static void writeUnlessNull(double[][] rows, View to) {
        if (to != null) {
            for (int i = 0; i < rows.length; i++) {
                Doubles.writeRow(rows[i], to, to.index(i));
            }
        }
    }
}
