package io.aegis.kernels.cpu;

import io.aegis.kernels.AdamStep;
import io.aegis.kernels.DType;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** Adam and sums of squares over floats; tensors without holes, in whatever order their dimensions lie. */
final class CpuOptimizer implements Optimizer {
    private static final int CHUNK = 1 << 14;

    private final Optimizer plain;

    CpuOptimizer(Optimizer plain) {
        this.plain = plain;
    }

    @Override
    public void adam(View parameter, View gradient, View first, View second, Adam k, View step) {
        if (!flat(parameter, gradient, first, second)) {
            plain.adam(parameter, gradient, first, second, k, step);
            return;
        }
        AdamStep now = AdamStep.read(step);
        if (!now.applies()) {
            return;
        }
        AdamRows rows = new AdamRows(k, now);
        long n = parameter.elements();
        Workers.grains(n, CHUNK, CHUNK, (from, to) -> {
            for (long at = from; at < to; at += CHUNK) {
                int length = (int) Math.min(CHUNK, to - at);
                rows.step(
                        row(parameter, at, length),
                        row(gradient, at, length),
                        row(first, at, length),
                        row(second, at, length),
                        length);
            }
        });
    }

    private static MemorySegment row(View flat, long at, int length) {
        return flat.buffer().memory().asSlice((flat.offset() + at) << 2, (long) length << 2);
    }

    @Override
    public void guard(View values, View steps, View guarded) {
        plain.guard(values, steps, guarded);
    }

    @Override
    public double squares(View x) {
        return flat(x) ? Arrays.stream(dots(x, x)).sum() : plain.squares(x);
    }

    /** The inner product of two flat views, a number a chunk. */
    private static double[] dots(View a, View b) {
        long n = a.elements();
        double[] dots = new double[(int) ((n + CHUNK - 1) / CHUNK)];
        Workers.run(dots.length, i -> {
            long at = (long) i * CHUNK;
            int length = (int) Math.min(CHUNK, n - at);
            dots[i] = Sums.dot(a.buffer().memory(), a.offset() + at, b.buffer().memory(), b.offset() + at, length);
        });
        return dots;
    }

    @Override
    public void regrad(List<Correction> all, View information) {
        double[] mu = information.toDoubles();
        for (Correction c : all) {
            List<View> views = Stream.of(c.out(), c.total(), c.own(), c.first(), c.second())
                    .filter(Objects::nonNull)
                    .toList();
            if (flat(views.toArray(View[]::new))) {
                CpuReGrad.correct(c, mu);
            } else {
                plain.regrad(List.of(c), information);
            }
        }
    }

    /** Floats without holes, all with the strides of the first. */
    private static boolean flat(View... views) {
        long n = views[0].elements();
        for (View v : views) {
            boolean holes = n > 0 && v.segment().byteSize() != n * Float.BYTES;
            if (v.dtype() != DType.F32 || holes || !Arrays.equals(v.strides(), views[0].strides())) {
                return false;
            }
        }
        return true;
    }
}
