package io.aegis.kernels.scalar;

import io.aegis.kernels.Loss;
import io.aegis.kernels.View;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * Cross-entropy: loss = mean over rows of (log sum over c of exp(z[i, c]) - z[i, t[i]]), P = softmax(z), dz = dloss
 * (P - onehot(t)) / B. Negative distance: y[i, c] = -|x[i] - p[c]|, dx[i] = sum over c of dy[i, c] (x[i] - p[c]) / y[i, c].
 */
final class ScalarLoss implements Loss {
    @Override
    public void crossEntropy(View logits, View target, View loss, View probabilities) {
        crossEntropy(logits, target, false, logits.size(0), loss, probabilities);
    }

    @Override
    public void crossEntropyBackward(View probabilities, View target, View dloss, View dlogits) {
        crossEntropyBackward(probabilities, target, false, probabilities.size(0), dloss, dlogits);
    }

    @Override
    public void crossEntropyOfSome(View logits, View target, long over, View loss, View probabilities) {
        crossEntropy(logits, target, true, over, loss, probabilities);
    }

    @Override
    public void crossEntropyOfSomeBackward(View probabilities, View target, long over, View dloss, View dlogits) {
        crossEntropyBackward(probabilities, target, true, over, dloss, dlogits);
    }

    /** @param some whether rows may take no part */
    private static void crossEntropy(View logits, View target, boolean some, long over, View loss, View probabilities) {
        double total = 0;
        for (long i = 0; i < logits.size(0); i++) {
            double[] z = Doubles.readRow(logits, logits.index(i));
            double max = Double.NEGATIVE_INFINITY;
            for (double value : z) {
                max = Math.max(max, value);
            }
            double sum = 0;
            for (double value : z) {
                sum += Math.exp(value - max);
            }
            double lse = max + Math.log(sum);
            if (!some || target.getLong(i) != NO_PART) {
                total += lse - z[label(target, i, logits)];
            }
            if (probabilities != null) {
                for (int c = 0; c < z.length; c++) {
                    z[c] = Math.exp(z[c] - max) / sum;
                }
                Doubles.writeRow(z, probabilities, probabilities.index(i));
            }
        }
        loss.setAt(loss.offset(), total / over);
    }

    private static void crossEntropyBackward(
            View probabilities, View target, boolean some, long over, View dloss, View dlogits) {
        double scale = dloss.getAt(dloss.offset()) / over;
        for (long i = 0; i < probabilities.size(0); i++) {
            double[] p = Doubles.readRow(probabilities, probabilities.index(i));
            if (some && target.getLong(i) == NO_PART) {
                Arrays.fill(p, 0);
            } else {
                p[label(target, i, probabilities)] -= 1;
                for (int c = 0; c < p.length; c++) {
                    p[c] *= scale;
                }
            }
            Doubles.writeRow(p, dlogits, dlogits.index(i));
        }
    }

    @Override
    public void negativeDistance(View x, View p, View y) {
        for (long i = 0; i < x.size(0); i++) {
            double[] point = Doubles.readRow(x, x.index(i));
            for (long c = 0; c < p.size(0); c++) {
                double[] centre = Doubles.readRow(p, p.index(c));
                double square = 0;
                for (int d = 0; d < point.length; d++) {
                    square += (point[d] - centre[d]) * (point[d] - centre[d]);
                }
                y.set(-Math.sqrt(square), i, c);
            }
        }
    }

    @Override
    public void negativeDistanceBackward(View x, View p, View y, View dy, boolean zeroAtZero, View dx) {
        for (long i = 0; i < x.size(0); i++) {
            double[] point = Doubles.readRow(x, x.index(i));
            double[] gradient = new double[point.length];
            for (long c = 0; c < p.size(0); c++) {
                double distance = y.get(i, c);
                if (distance == 0 && zeroAtZero) {
                    continue;
                }
                double[] centre = Doubles.readRow(p, p.index(c));
                for (int d = 0; d < point.length; d++) {
                    gradient[d] += dy.get(i, c) * (point[d] - centre[d]) / distance;
                }
            }
            Doubles.writeRow(gradient, dx, dx.index(i));
        }
    }

    @Override
    public void prototypes(PrototypesOf of, View state, View to) {
        ScalarPrototypes.compute(of, state, to);
    }

    @Override
    public void angles(Angles of, View loss, AngleParts kept) {
        ScalarAngles.forward(of, loss, kept);
    }

    @Override
    public void anglesBackward(Angles of, AngleParts kept, View dloss, List<View> to) {
        ScalarAngles.backward(of, kept, dloss, to);
    }

    private static int label(View target, long row, View scores) {
        return (int) Objects.checkIndex(target.getLong(row), scores.size(1));
    }
}
