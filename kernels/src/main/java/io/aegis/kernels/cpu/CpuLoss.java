package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import io.aegis.kernels.Loss;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;

/**
 * Cross-entropy over large vocabularies, a row of logits a task: log sum exp(z) - z[t]. Sums move to double every thousand
 * elements. The distances of prototypes and the angles, micro- and milliseconds a step, and other dtypes go to the plain kernels.
 */
final class CpuLoss implements Loss {
    private static final int CHUNK = 1024;

    private final Loss plain;

    CpuLoss(Loss plain) {
        this.plain = plain;
    }

    @Override
    public void crossEntropy(View logits, View target, View loss, View probabilities) {
        if (isServed(logits, probabilities)) {
            crossEntropy(logits, target, false, logits.size(0), loss, probabilities);
        } else {
            plain.crossEntropy(logits, target, loss, probabilities);
        }
    }

    @Override
    public void crossEntropyOfSome(View logits, View target, long over, View loss, View probabilities) {
        if (isServed(logits, probabilities)) {
            crossEntropy(logits, target, true, over, loss, probabilities);
        } else {
            plain.crossEntropyOfSome(logits, target, over, loss, probabilities);
        }
    }

    private static boolean isServed(View logits, View probabilities) {
        return dense(logits) && (probabilities == null || dense(probabilities));
    }

    /** @param some whether rows may take no part */
    private static void crossEntropy(View logits, View target, boolean some, long over, View loss, View probabilities) {
        int rows = (int) logits.size(0);
        int n = (int) logits.size(1);
        MemorySegment z = logits.buffer().memory();
        double[] losses = new double[rows];
        Workers.run(rows, r -> {
            long iz = logits.index(r);
            long label = label(target, r, some, n);
            float max = SoftmaxRows.max(z, iz, n);
            double sum = probabilities == null
                    ? sum(z, iz, max, n)
                    : exponentials(z, iz, max, probabilities.buffer().memory(), probabilities.index(r), n);
            if (probabilities != null) {
                SoftmaxRows.scale(probabilities.buffer().memory(), probabilities.index(r), (float) (1 / sum), n);
            }
            losses[r] = label == NO_PART ? 0 : max + Math.log(sum) - Lanes.get(z, iz + label);
        });
        loss.setAt(loss.offset(), Arrays.stream(losses).sum() / over);
    }

    private static long label(View target, long row, boolean some, int classes) {
        long label = target.getLong(row);
        return some && label == NO_PART ? label : Objects.checkIndex(label, classes);
    }

    /** p = exp(z - max), and the sum of those. */
    private static double exponentials(MemorySegment z, long iz, float max, MemorySegment p, long ip, int n) {
        MemorySegment.copy(z, iz << 2, p, ip << 2, (long) n << 2);
        double sum = 0;
        for (int at = 0; at < n; at += CHUNK) {
            sum += SoftmaxRows.exponentials(p, ip + at, max, Math.min(CHUNK, n - at));
        }
        return sum;
    }

    private static double sum(MemorySegment z, long iz, float max, int n) {
        MemorySegment scratch = Scratch.floats(0, CHUNK);
        double sum = 0;
        for (int at = 0; at < n; at += CHUNK) {
            sum += exponentials(z, iz + at, max, scratch, 0, Math.min(CHUNK, n - at));
        }
        return sum;
    }

    @Override
    public void crossEntropyBackward(View probabilities, View target, View dloss, View dlogits) {
        if (isServed(probabilities, dlogits)) {
            crossEntropyBackward(probabilities, target, false, probabilities.size(0), dloss, dlogits);
        } else {
            plain.crossEntropyBackward(probabilities, target, dloss, dlogits);
        }
    }

    @Override
    public void crossEntropyOfSomeBackward(View probabilities, View target, long over, View dloss, View dlogits) {
        if (isServed(probabilities, dlogits)) {
            crossEntropyBackward(probabilities, target, true, over, dloss, dlogits);
        } else {
            plain.crossEntropyOfSomeBackward(probabilities, target, over, dloss, dlogits);
        }
    }

    private static void crossEntropyBackward(
            View probabilities, View target, boolean some, long over, View dloss, View dlogits) {
        int rows = (int) probabilities.size(0);
        int n = (int) probabilities.size(1);
        float scale = (float) (dloss.getAt(dloss.offset()) / over);
        MemorySegment p = probabilities.buffer().memory();
        MemorySegment dz = dlogits.buffer().memory();
        Workers.run(rows, r -> {
            long ip = probabilities.index(r);
            long idz = dlogits.index(r);
            long label = label(target, r, some, n);
            if (label == NO_PART) {
                dz.asSlice(idz << 2, (long) n << 2).fill((byte) 0);
                return;
            }
            scaled(p, ip, scale, dz, idz, n);
            Lanes.set(dz, idz + label, (Lanes.get(p, ip + label) - 1) * scale);
        });
    }

    private static void scaled(MemorySegment x, long ix, float by, MemorySegment y, long iy, int n) {
        FloatVector factor = Lanes.broadcast(by);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(Lanes.load(x, ix + i).mul(factor), y, iy + i);
        }
        for (; i < n; i++) {
            Lanes.set(y, iy + i, Lanes.get(x, ix + i) * by);
        }
    }

    @Override
    public void negativeDistance(View x, View p, View y) {
        plain.negativeDistance(x, p, y);
    }

    @Override
    public void negativeDistanceBackward(View x, View p, View y, View dy, boolean zeroAtZero, View dx) {
        plain.negativeDistanceBackward(x, p, y, dy, zeroAtZero, dx);
    }

    @Override
    public void prototypes(PrototypesOf of, View state, View to) {
        plain.prototypes(of, state, to);
    }

    @Override
    public void angles(Angles of, View loss, AngleParts kept) {
        plain.angles(of, loss, kept);
    }

    @Override
    public void anglesBackward(Angles of, AngleParts kept, View dloss, List<View> to) {
        plain.anglesBackward(of, kept, dloss, to);
    }

    private static boolean dense(View v) {
        return v.dtype() == DType.F32 && v.elements() > 0 && (v.size(1) == 1 || v.stride(1) == 1);
    }
}
