package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.Loss;
import io.aegis.kernels.View;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * loss.cu: matrices of any strides, all of one type, F32, BF16 or F16; angles.cu and means.cu. All else is the host's. A label that is none makes the
 * loss NaN.
 */
final class CudaLoss implements Loss {
    private static final Variant FILE = Variant.of("loss.cu");
    private static final List<DType> TYPES = List.of(DType.F32, DType.BF16, DType.F16);
    private static final int THREADS = 256;
    private static final int MOST_THREADS = 1024;
    private static final int WARP = 32;
    /** Elements of a row that a thread loads at once. */
    private static final int BATCH = 8;

    private static final int MOST_ROWS = 65535;

    private final Cuda cuda;
    private final Loss host;
    private final Map<DType, Entries> entries = new EnumMap<>(DType.class);
    private final CudaAngles angles;
    private final CudaMeans means;

    CudaLoss(Cuda cuda, Loss host) {
        this.cuda = cuda;
        this.host = host;
        TYPES.forEach(type -> entries.put(type, Entries.of(cuda, FILE.stored(type))));
        angles = new CudaAngles(cuda);
        means = new CudaMeans(cuda);
    }

    /** Of one type. */
    private record Entries(
            Entry crossEntropy, Entry mean, Entry crossEntropyBackward, Entry distance, Entry distanceBackward) {
        static Entries of(Cuda cuda, Variant variant) {
            return new Entries(
                    new Entry(cuda, variant, "cross_entropy"),
                    new Entry(cuda, variant, "mean"),
                    new Entry(cuda, variant, "cross_entropy_backward"),
                    new Entry(cuda, variant, "distance"),
                    new Entry(cuda, variant, "distance_backward"));
        }
    }

    static List<Variant> variants() {
        return Stream.concat(
                        TYPES.stream().map(FILE::stored),
                        Stream.concat(Stream.of(CudaMeans.FILE), CudaAngles.variants().stream()))
                .toList();
    }

    static List<String> entries() {
        return List.of("cross_entropy", "mean", "cross_entropy_backward", "distance", "distance_backward");
    }

    @Override
    public void crossEntropy(View logits, View target, View loss, View probabilities) {
        if (!crossEntropy(logits, target, false, logits.size(0), loss, probabilities)) {
            host.crossEntropy(logits, target, loss, probabilities);
        }
    }

    @Override
    public void crossEntropyOfSome(View logits, View target, long over, View loss, View probabilities) {
        if (!crossEntropy(logits, target, true, over, loss, probabilities)) {
            host.crossEntropyOfSome(logits, target, over, loss, probabilities);
        }
    }

    /**
     * Of some rows, or of all.
     *
     * @return false where it is not for these kernels; nothing has happened then
     */
    private boolean crossEntropy(View logits, View target, boolean some, long over, View loss, View probabilities) {
        long rows = logits.size(0);
        long classes = logits.size(1);
        Entries of = serving(target, logits, loss, probabilities);
        if (of == null || logits.elements() == 0 || over >= 1L << 31) {
            return false;
        }
        long z = cuda.read(logits);
        long t = cuda.read(target);
        long p = cuda.writeOrNull(probabilities);
        try (Cuda.Scratch scratch = cuda.scratch()) {
            long rowLoss = scratch.take(DType.F32, rows);
            Arguments a = Arguments.begin();
            matrix(a, logits, z);
            matrix(a, probabilities, p);
            a.pointer(t)
                    .i64(target.stride(0))
                    .pointer(rowLoss)
                    .i32((int) classes)
                    .i32(some ? 1 : 0);
            long threads = Math.ceilDiv(classes, (long) BATCH * WARP) * WARP;
            of.crossEntropy().launch(Engine.Grid.of(rows, (int) Math.min(MOST_THREADS, threads)), a);
            a = Arguments.begin().pointer(rowLoss).pointer(cuda.write(loss));
            a.i32((int) rows).i32((int) over);
            of.mean().launch(Engine.Grid.of(1, THREADS), a);
        }
        return true;
    }

    @Override
    public void crossEntropyBackward(View probabilities, View target, View dloss, View dlogits) {
        if (!crossEntropyBackward(probabilities, target, probabilities.size(0), dloss, dlogits)) {
            host.crossEntropyBackward(probabilities, target, dloss, dlogits);
        }
    }

    @Override
    public void crossEntropyOfSomeBackward(View probabilities, View target, long over, View dloss, View dlogits) {
        if (!crossEntropyBackward(probabilities, target, over, dloss, dlogits)) {
            host.crossEntropyOfSomeBackward(probabilities, target, over, dloss, dlogits);
        }
    }

    /** @return false where it is not for these kernels; nothing has happened then */
    private boolean crossEntropyBackward(View probabilities, View target, long over, View dloss, View dlogits) {
        if (dlogits.elements() == 0) {
            return true;
        }
        Space space = Space.ofRows(probabilities, dlogits);
        Entries of = serving(target, probabilities, dloss, dlogits);
        if (of == null || !space.fits() || over >= 1L << 31) {
            return false;
        }
        long p = cuda.read(probabilities);
        long t = cuda.read(target);
        long d = cuda.read(dloss);
        long to = cuda.write(dlogits);
        if (space.step(0, 0) == 1) {
            space.widenWhole(p, to);
        }
        long rows = dlogits.size(0);
        Arguments a = Arguments.begin();
        space.pack(a);
        space.packOperand(a, 0, p);
        space.packOperand(a, 1, to);
        a.pointer(t).i64(target.stride(0)).pointer(d);
        a.i32((int) (space.count() / rows)).i32((int) over);
        of.crossEntropyBackward().launch(Engine.Grid.of(Math.ceilDiv(space.count(), (long) THREADS), THREADS), a);
        return true;
    }

    @Override
    public void negativeDistance(View x, View p, View y) {
        if (y.elements() == 0) {
            return;
        }
        Entries of = serving(null, x, p, y);
        if (of == null) {
            host.negativeDistance(x, p, y);
            return;
        }
        long from = cuda.read(x);
        long centres = cuda.read(p);
        Arguments a = Arguments.begin();
        matrix(a, x, from);
        matrix(a, p, centres);
        matrix(a, y, cuda.write(y));
        matrix(a, null, 0);
        matrix(a, null, 0);
        a.i32((int) x.size(0)).i32((int) p.size(0)).i32((int) x.size(1)).i32(0);
        of.distance().launch(Engine.Grid.of(Math.ceilDiv(y.elements(), (long) THREADS / WARP), THREADS), a);
    }

    @Override
    public void negativeDistanceBackward(View x, View p, View y, View dy, boolean zeroAtZero, View dx) {
        if (dx.elements() == 0) {
            return;
        }
        Entries of = serving(null, x, p, y, dy, dx);
        if (of == null || x.size(0) > MOST_ROWS) {
            host.negativeDistanceBackward(x, p, y, dy, zeroAtZero, dx);
            return;
        }
        long from = cuda.read(x);
        long centres = cuda.read(p);
        long distances = cuda.read(y);
        long slopes = cuda.read(dy);
        Arguments a = Arguments.begin();
        matrix(a, x, from);
        matrix(a, p, centres);
        matrix(a, y, distances);
        matrix(a, dy, slopes);
        matrix(a, dx, cuda.write(dx));
        a.i32((int) x.size(0)).i32((int) p.size(0)).i32((int) x.size(1)).i32(zeroAtZero ? 1 : 0);
        long blocks = Math.ceilDiv(x.size(1), (long) THREADS);
        of.distanceBackward().launch(new Engine.Grid(blocks, x.size(0), 1, THREADS, 0), a);
    }

    @Override
    public void prototypes(PrototypesOf of, View state, View to) {
        if (!means.prototypes(of, state, to)) {
            host.prototypes(of, state, to);
        }
    }

    @Override
    public void angles(Angles of, View loss, AngleParts kept) {
        if (!angles.forward(of, loss, kept)) {
            host.angles(of, loss, kept);
        }
    }

    @Override
    public void anglesBackward(Angles of, AngleParts kept, View dloss, List<View> to) {
        if (!angles.backward(of, kept, dloss, to)) {
            host.anglesBackward(of, kept, dloss, to);
        }
    }

    /** The struct Matrix. */
    private static void matrix(Arguments a, View v, long address) {
        a.pointer(address).i64(v == null ? 0 : v.stride(0)).i64(v == null ? 0 : v.stride(1));
    }

    /**
     * The kernels for views of one type.
     *
     * @param numbers I64, or null
     * @param views any but the first may be null
     * @return null where they are the host's
     */
    private Entries serving(View numbers, View... views) {
        DType type = views[0].dtype();
        boolean served = numbers == null || numbers.dtype() == DType.I64;
        for (View v : views) {
            served &= v == null || v.dtype() == type && v.elements() < 1L << 31;
        }
        return served ? entries.get(type) : null;
    }
}
