package io.aegis.kernels.cuda;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.Optimizer.Correction;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** regrad.cu: dense float32, others through copies; all else is the host's. */
final class CudaReGrad {
    static final Variant FILE = Variant.of("regrad.cu");

    /** Steps that a thread of a sum takes at once. */
    private static final int PER = 4;
    /** Sums that a block leaves. */
    private static final int PRODUCTS = 3;
    /** Of the struct Correction. */
    private static final int BYTES = 56;

    private final Cuda cuda;
    private final Optimizer host;
    private final Elementwise elementwise;
    private final Entry sums;
    private final Entry apply;

    CudaReGrad(Cuda cuda, Optimizer host, Elementwise elementwise) {
        this.cuda = cuda;
        this.host = host;
        this.elementwise = elementwise;
        sums = new Entry(cuda, FILE, "regrad_sums");
        apply = new Entry(cuda, FILE, "regrad");
    }

    void correct(List<Correction> all, View information) {
        List<Correction> together = new ArrayList<>();
        for (Correction c : all) {
            if (c.out().elements() == 0) {
                continue;
            }
            boolean floats = information.dtype() == DType.F64
                    && views(c).allMatch(v -> v.dtype() == DType.F32)
                    && c.out().elements() < 1L << 31;
            if (!floats) {
                host.regrad(List.of(c), information);
            } else if (!Runs.areDense(views(c).toArray(View[]::new))) {
                byCopies(c, information);
            } else {
                together.add(c);
            }
        }
        for (int i = 0; i < together.size(); i += Runs.MOST) {
            launch(together.subList(i, Math.min(together.size(), i + Runs.MOST)), information);
        }
    }

    /** All that there are; the destination last, as Space wants it. */
    private static Stream<View> views(Correction c) {
        return Stream.of(c.total(), c.own(), c.first(), c.second(), c.out()).filter(Objects::nonNull);
    }

    private void byCopies(Correction c, View information) {
        List<Buffer> buffers = new ArrayList<>();
        View out = dense(c.out(), buffers);
        Correction copies = new Correction(
                out,
                copied(c.total(), buffers),
                copied(c.own(), buffers),
                copied(c.first(), buffers),
                copied(c.second(), buffers),
                c.owner());
        launch(List.of(copies), information);
        elementwise.copy(out, c.out());
        buffers.forEach(cuda.memory()::release);
    }

    private View dense(View like, List<Buffer> buffers) {
        Buffer buffer = cuda.memory().acquire(like.bytes());
        buffers.add(buffer);
        return View.of(buffer, like.dtype(), like.shape());
    }

    private View copied(View x, List<Buffer> buffers) {
        if (x == null) {
            return null;
        }
        View y = dense(x, buffers);
        elementwise.copy(x, y);
        return y;
    }

    private void launch(List<Correction> runs, View information) {
        long[][] addresses = new long[runs.size()][];
        long[] chunks = new long[runs.size()];
        long[] begins = new long[runs.size() + 1];
        for (int i = 0; i < addresses.length; i++) {
            Correction c = runs.get(i);
            boolean inPlace = c.total() != null && c.total().buffer() == c.out().buffer();
            addresses[i] = new long[] {
                inPlace ? cuda.update(c.out()) : cuda.write(c.out()),
                cuda.readOrNull(c.total()),
                cuda.readOrNull(c.own()),
                cuda.readOrNull(c.first()),
                cuda.readOrNull(c.second())
            };
            chunks[i] = chunk(c.out().elements());
            begins[i + 1] = begins[i] + Math.ceilDiv(c.out().elements(), chunks[i]);
        }
        int blocks = Math.toIntExact(begins[addresses.length]);
        try (Cuda.Scratch scratch = cuda.scratch()) {
            Arguments a = Arguments.begin();
            a.pointer(cuda.read(information)).pointer(scratch.take(DType.F64, (long) PRODUCTS * blocks));
            a.i32(addresses.length).i32(blocks);
            for (int i = 0; i < addresses.length; i++) {
                for (long address : addresses[i]) {
                    a.pointer(address);
                }
                a.i32((int) runs.get(i).out().elements()).i32((int) begins[i]);
                a.i32((int) chunks[i]).i32(runs.get(i).owner());
            }
            a.zeros((Runs.MOST - addresses.length) * BYTES);
            sums.launch(Engine.Grid.of(blocks, Runs.THREADS), a);
            apply.launch(Engine.Grid.of(blocks, Runs.THREADS), a);
        }
    }

    /** Elements of a block, so that there is a thread for each block's sums. */
    private static long chunk(long count) {
        long step = PER * Runs.STRIDE;
        return step * Math.ceilDiv(Math.ceilDiv(count, step), (long) Runs.THREADS);
    }
}
