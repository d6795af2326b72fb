package io.aegis.kernels.scalar;

import io.aegis.kernels.DType;
import io.aegis.kernels.Reduction;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;

/** Sums over any dimensions; softmax exp(x - max) / sum exp(x - max) and Euclidean normalisation x / |x| by rows. */
final class ScalarReduction implements Reduction {
    @Override
    public void sum(View x, double scale, boolean accumulate, View y) {
        try (Arena arena = Arena.ofConfined()) {
            View total = View.allocate(arena, DType.F64, y.shape());
            View target = total.expand(x.shape());
            for (Walk w = new Walk(x, target); w.more(); w.next()) {
                target.setAt(w.at(1), target.getAt(w.at(1)) + x.getAt(w.at(0)));
            }
            for (Walk w = new Walk(total, y); w.more(); w.next()) {
                double before = accumulate ? y.getAt(w.at(1)) : 0;
                y.setAt(w.at(1), before + scale * total.getAt(w.at(0)));
            }
        }
    }

    @Override
    public void softmax(View x, View y) {
        for (Walk w = Walk.rows(x, y); w.more(); w.next()) {
            double[] row = Doubles.readRow(x, w.at(0));
            softmax(row);
            Doubles.writeRow(row, y, w.at(1));
        }
    }

    @Override
    public void softmaxBackward(View y, View dy, View dx) {
        for (Walk w = Walk.rows(y, dy, dx); w.more(); w.next()) {
            double[] p = Doubles.readRow(y, w.at(0));
            double[] g = Doubles.readRow(dy, w.at(1));
            double dot = dot(g, p);
            for (int i = 0; i < p.length; i++) {
                g[i] = p[i] * (g[i] - dot);
            }
            Doubles.writeRow(g, dx, w.at(2));
        }
    }

    @Override
    public void normalizeRows(View x, View y, View lengths) {
        long row = 0;
        for (Walk w = Walk.rows(x, y); w.more(); w.next(), row++) {
            double[] values = Doubles.readRow(x, w.at(0));
            double length = Math.sqrt(dot(values, values));
            for (int i = 0; i < values.length; i++) {
                values[i] /= length;
            }
            Doubles.writeRow(values, y, w.at(1));
            if (lengths != null) {
                lengths.setAt(lengths.position(row), length);
            }
        }
    }

    @Override
    public void normalizeRowsBackward(View y, View lengths, View dy, View dx) {
        long row = 0;
        for (Walk w = Walk.rows(y, dy, dx); w.more(); w.next(), row++) {
            double length = lengths.getAt(lengths.position(row));
            double[] unit = Doubles.readRow(y, w.at(0));
            double[] g = Doubles.readRow(dy, w.at(1));
            double dot = dot(g, unit);
            for (int i = 0; i < unit.length; i++) {
                g[i] = (g[i] - unit[i] * dot) / length;
            }
            Doubles.writeRow(g, dx, w.at(2));
        }
    }

    private static void softmax(double[] row) {
        double max = Double.NEGATIVE_INFINITY;
        for (double x : row) {
            max = Math.max(max, x);
        }
        double sum = 0;
        for (int i = 0; i < row.length; i++) {
            row[i] = Math.exp(row[i] - max);
            sum += row[i];
        }
        for (int i = 0; i < row.length; i++) {
            row[i] /= sum;
        }
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    @Override
    public void likeliest(View x, View index, View share) {
        for (long b = 0; b < x.size(0); b++) {
            double[] row = Doubles.readRow(x, x.index(b, 0));
            int best = 0;
            double sum = 0;
            for (int i = 0; i < row.length && best >= 0; i++) {
                best = Double.isNaN(row[i]) ? -1 : row[i] > row[best] ? i : best;
            }
            for (int i = 0; i < row.length && best >= 0; i++) {
                sum += Math.exp(row[i] - row[best]);
            }
            index.setLongAt(index.index(b), best);
            share.setAt(share.index(b), best < 0 ? Double.NaN : -Math.log(sum));
        }
    }

    @Override
    public void greatest(View x, View y, View index) {
        for (long r = 0; r < x.size(0); r++) {
            double[] row = Doubles.readRow(x, x.index(r, 0));
            int best = 0;
            for (int i = 1; i < row.length && !Double.isNaN(row[best]); i++) {
                best = Double.isNaN(row[i]) || row[i] > row[best] ? i : best;
            }
            y.setAt(y.index(r), row[best]);
            index.setLongAt(index.index(r), best);
        }
    }

    @Override
    public void greatestBackward(View index, View dy, View dx) {
        for (long r = 0; r < dx.size(0); r++) {
            long best = index.getLong(r);
            for (long i = 0; i < dx.size(1); i++) {
                dx.setAt(dx.index(r, i), i == best ? dy.getAt(dy.index(r)) : 0);
            }
        }
    }
}
