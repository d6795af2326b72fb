package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.broadcast;
import static io.aegis.kernels.cpu.Lanes.get;
import static io.aegis.kernels.cpu.Lanes.load;
import static io.aegis.kernels.cpu.Lanes.set;
import static io.aegis.kernels.cpu.Lanes.store;

import io.aegis.kernels.AdamStep;
import io.aegis.kernels.DType;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import jdk.incubator.vector.FloatVector;

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
        MemorySegment p = parameter.buffer().memory();
        MemorySegment g = gradient.buffer().memory();
        MemorySegment m = first.buffer().memory();
        MemorySegment v = second.buffer().memory();
        long n = parameter.elements();
        Workers.grains(n, CHUNK, CHUNK, (from, to) -> {
            for (long at = from; at < to; at += CHUNK) {
                int length = (int) Math.min(CHUNK, to - at);
                step(
                        p,
                        parameter.offset() + at,
                        g,
                        gradient.offset() + at,
                        m,
                        first.offset() + at,
                        v,
                        second.offset() + at,
                        k,
                        now,
                        length);
            }
        });
    }

    private static void step(
            MemorySegment p,
            long ip,
            MemorySegment g,
            long ig,
            MemorySegment m,
            long im,
            MemorySegment v,
            long iv,
            Adam k,
            AdamStep now,
            int n) {
        float decay = (float) (k.decoupled() ? 0 : k.weightDecay());
        float shrink = (float) (k.decoupled() ? 1 - now.learningRate() * k.weightDecay() : 1);
        float beta1 = (float) k.beta1();
        float beta2 = (float) k.beta2();
        float rest1 = (float) (1 - k.beta1());
        float rest2 = (float) (1 - k.beta2());
        // alpha m^ / (sqrt(v^) + eps) = (alpha / c1) m / (sqrt(v) / sqrt(c2) + eps)
        float rate = (float) (now.learningRate() / now.correction1());
        float root = (float) (1 / Math.sqrt(now.correction2()));
        float eps = (float) k.eps();
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector w = load(p, ip + i);
            FloatVector d = w.fma(broadcast(decay), load(g, ig + i));
            FloatVector m1 = load(m, im + i).mul(beta1).add(d.mul(rest1));
            FloatVector v1 = load(v, iv + i).mul(beta2).add(d.mul(d).mul(rest2));
            FloatVector move = m1.mul(rate).div(v1.sqrt().mul(root).add(eps));
            store(w.mul(shrink).sub(move), p, ip + i);
            store(m1, m, im + i);
            store(v1, v, iv + i);
        }
        for (; i < n; i++) {
            float w = get(p, ip + i);
            float d = Math.fma(w, decay, get(g, ig + i));
            float m1 = get(m, im + i) * beta1 + d * rest1;
            float v1 = get(v, iv + i) * beta2 + d * d * rest2;
            set(p, ip + i, w * shrink - m1 * rate / ((float) Math.sqrt(v1) * root + eps));
            set(m, im + i, m1);
            set(v, iv + i, v1);
        }
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
