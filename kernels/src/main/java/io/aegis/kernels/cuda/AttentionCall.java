package io.aegis.kernels.cuda;

import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.Attention.Sequences;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;

/**
 * The sizes of one call of attention, and its operands in the form that the kernels want: rows at multiples of 16 bytes, of
 * one type, in place where they are so, else as copies in scratch memory; the key mask as bits. Copies of operands are made
 * by one launch, {@link #prepare}; those of results by {@link #close}.
 */
final class AttentionCall implements AutoCloseable {
    static final Variant PREPARE = Variant.of("attention_prepare.cu");
    private static final int THREADS = 256;
    /** {@code CastArgs} of attention_prepare.cu. */
    private static final int CASTS = 4;

    /** The kernels of attention_prepare.cu. */
    record Preparation(Entry cast, Entry seen, Entry delta, Entry packedDelta) {
        static Preparation of(Cuda cuda) {
            return new Preparation(
                    new Entry(cuda, PREPARE, "attention_cast"),
                    new Entry(cuda, PREPARE, "attention_seen"),
                    new Entry(cuda, PREPARE, "attention_delta"),
                    new Entry(cuda, PREPARE, "attention_delta_packed"));
        }
    }

    private final Cuda cuda;
    private final Preparation preparation;
    private final Cuda.Scratch scratch;
    private final List<Cast> casts = new ArrayList<>();
    private final List<Cast> back = new ArrayList<>();

    final int batch;
    final int heads;
    final int keyHeads;
    final int group;
    final int n;
    final int m;
    final int d;
    final Mask mask;
    final float scale;
    /** Whose the rows of a batch of one are; null where they are not several sequences'. */
    final Sequences sequences;

    AttentionCall(Cuda cuda, Preparation preparation, View q, View k, double scale, Mask mask) {
        this(cuda, preparation, q, k, scale, mask, null);
    }

    /** @param sequences in a batch of one, without a key mask; or null */
    AttentionCall(Cuda cuda, Preparation preparation, View q, View k, double scale, Mask mask, Sequences sequences) {
        this.cuda = cuda;
        this.preparation = preparation;
        this.scratch = cuda.scratch();
        this.batch = (int) q.size(0);
        this.heads = (int) q.size(1);
        this.keyHeads = (int) k.size(1);
        this.group = heads / keyHeads;
        this.n = (int) q.size(2);
        this.m = (int) k.size(2);
        this.d = (int) q.size(3);
        this.mask = mask;
        this.scale = (float) scale;
        this.sequences = sequences;
    }

    /**
     * A [B, H, rows, D] on the device; strides in elements, of dimensions that have more than one.
     *
     * @param column 1 wherever kernels are given it other than as {@code AnyHeads}
     */
    record Operand(long address, DType dtype, long batch, long head, long row, long column) {
        static final Operand NONE = new Operand(0, DType.F32, 0, 0, 0, 1);

        static Operand of(View v, long address) {
            return new Operand(
                    address, v.dtype(), stride(v, 0), stride(v, 1), stride(v, 2), v.size(3) > 1 ? v.stride(3) : 1);
        }

        private static long stride(View v, int dim) {
            return v.size(dim) > 1 ? v.stride(dim) : 0;
        }

        private boolean isAligned() {
            long words = 16 / dtype.bytes();
            return address % 16 == 0
                    && batch % words == 0
                    && head % words == 0
                    && row % words == 0
                    && row < 1L << 31
                    && column == 1;
        }

        private boolean hasPairs() {
            return address % (2L * dtype.bytes()) == 0 && batch % 2 == 0 && head % 2 == 0 && row % 2 == 0;
        }

        /** {@code Rows} of attention.cuh, {@code Heads} of attention_f32.cu. */
        void packRows(Arguments a) {
            a.pointer(address).i64(batch).i64(head).i32((int) row).i32(0);
        }

        /** {@code Heads} of attention_decode.cuh. */
        void packHeads(Arguments a) {
            a.pointer(address).i64(batch).i64(head).i64(row);
        }

        /** {@code Output} of attention.cuh. */
        void packOutput(Arguments a) {
            packHeads(a);
            a.i32(dtype == DType.F32 ? 1 : 0).i32(hasPairs() ? 1 : 0);
        }

        /** {@code AnyHeads} of attention_any.cuh. */
        void packAny(Arguments a) {
            packHeads(a);
            a.i64(column).i32(type(dtype)).i32(0);
        }

        private static int type(DType dtype) {
            return switch (dtype) {
                case F32 -> 0;
                case BF16 -> 1;
                case F16 -> 2;
                default -> throw new IllegalArgumentException("attention over " + dtype);
            };
        }
    }

    /**
     * The operand as this type in aligned rows; what lies behind the last column of a copied row is zero. A single row is
     * aligned wherever it is, but the 16 bytes that its last columns are read in may reach beyond it.
     */
    Operand read(View v, DType type) {
        Operand given = Operand.of(v, cuda.read(v));
        boolean whole = v.size(3) * type.bytes() % 16 == 0;
        if (given.dtype == type && given.isAligned() && whole) {
            return given;
        }
        Operand copy = dense(v, type);
        casts.add(new Cast(given, copy, v.shape()));
        return copy;
    }

    /** Any type and layout, for kernels that take {@code AnyHeads}. */
    Operand readAny(View v) {
        return Operand.of(v, cuda.read(v));
    }

    /** As {@link #readAny}, to be overwritten. */
    Operand writeAny(View v) {
        return Operand.of(v, cuda.write(v));
    }

    /** Where a kernel writes float32, or {@code also}; copied to the view when this call is closed if it is something else. */
    Operand write(View v, DType also) {
        if (v == null) {
            return Operand.NONE;
        }
        Operand given = Operand.of(v, cuda.write(v));
        if ((given.dtype == DType.F32 || given.dtype == also) && given.column == 1 && given.row < 1L << 31) {
            return given;
        }
        Operand copy = dense(v, DType.F32);
        back.add(new Cast(copy, given, v.shape()));
        return copy;
    }

    /**
     * Where a kernel that writes one type alone puts a result: the view itself, or scratch memory.
     *
     * @param copy what is left to do; null for nothing
     */
    record Result(Operand at, Runnable copy) {}

    /** Place for a result of exactly this type in aligned rows. Until {@link #deliver} the view may as well be written by others. */
    Result result(View v, DType type) {
        Operand given = Operand.of(v, cuda.write(v));
        boolean distinct = hasStrides(v, given);
        if (given.dtype == type && given.isAligned() && distinct) {
            return new Result(given, null);
        }
        Operand place = dense(v, type);
        return new Result(place, () -> back.add(new Cast(place, given, v.shape())));
    }

    private static boolean hasStrides(View v, Operand x) {
        return (v.size(0) == 1 || x.batch > 0) && (v.size(1) == 1 || x.head > 0) && (v.size(2) == 1 || x.row > 0);
    }

    /** Copies a result to its view when this call is closed. */
    void deliver(Result r) {
        if (r.copy != null) {
            r.copy.run();
        }
    }

    private Operand dense(View v, DType type) {
        long words = 16 / type.bytes();
        long pitch = (v.size(3) + words - 1) / words * words;
        long bytes = v.size(0) * v.size(1) * v.size(2) * pitch * type.bytes();
        long address = scratch.take(bytes);
        if (pitch > v.size(3)) {
            cuda.fill(address, (byte) 0, bytes);
        }
        return new Operand(address, type, v.size(1) * v.size(2) * pitch, v.size(2) * pitch, pitch, 1);
    }

    long scratch(DType dtype, long elements) {
        return scratch.take(dtype, elements);
    }

    /** Words of a row of the key mask's bits: of whole tiles of 64 keys. */
    int words() {
        return (m + 63) / 64 * 2;
    }

    /** The key mask as bits [B, words]; 0 without one. */
    long seen() {
        View keys = mask.keys();
        if (keys == null) {
            return 0;
        }
        long count = (long) batch * words();
        long bits = scratch.take(Math.max(1, count) * Integer.BYTES);
        Arguments a = Arguments.begin()
                .pointer(cuda.read(keys))
                .i64(keys.stride(0))
                .i64(keys.stride(1))
                .pointer(bits)
                .i64(count)
                .i32(words())
                .i32(m);
        preparation.seen.launch(Engine.Grid.cover(count * 32, THREADS), a);
        return bits;
    }

    /** Makes the copies of operands that were asked for. */
    void prepare() {
        cast(casts);
    }

    /** Rows of {@link #delta}, a head: whole blocks of 128 queries, of a sequence each. */
    int padded() {
        return (int) blocks(n, 128) * 128;
    }

    /** Blocks of a kernel for so many rows of a head: of packed sequences as sequences.cuh counts them, with some to spare. */
    long blocks(int rows, int each) {
        return sequences == null ? (rows + each - 1) / each : rows / each + sequences.count() + 1;
    }

    /** Behind the arguments of a kernel those of {@code Packed}, if it is to know sequences. */
    Arguments packSequences(Arguments a) {
        if (sequences == null) {
            return a;
        }
        return a.pointer(cuda.read(sequences.queries()))
                .pointer(cuda.read(sequences.keys()))
                .i32(sequences.count())
                .i32(n)
                .i32(m)
                .i32(0);
    }

    /**
     * rowsum(dO * O) and lse of every query, for the backward kernels.
     *
     * @param unit what lse is multiplied by
     */
    Statistics delta(View out, Operand dout, View lse, double unit) {
        long rows = (long) batch * heads * padded();
        long delta = scratch.take(DType.F32, rows);
        long scaled = scratch.take(DType.F32, rows);
        Operand o = readAny(out);
        long from = cuda.read(lse);
        Arguments a = Arguments.begin();
        o.packAny(a);
        dout.packAny(a);
        a.pointer(from).i64(lse.stride(0)).i64(lse.stride(1)).i64(lse.stride(2));
        a.pointer(delta)
                .pointer(scaled)
                .i64(rows)
                .i32(heads)
                .i32(n)
                .i32(padded())
                .i32(d);
        a.f32(unit);
        Entry kernel = sequences == null ? preparation.delta : preparation.packedDelta;
        kernel.launch(Engine.Grid.cover(rows * 32, THREADS), packSequences(a));
        return new Statistics(scaled, delta);
    }

    /** Addresses of two [B, Hq, padded] float32. */
    record Statistics(long scaled, long delta) {}

    private record Cast(Operand from, Operand to, long[] shape) {
        void pack(Arguments a) {
            boolean wide = from.dtype == DType.F32
                    && to.dtype != DType.F32
                    && shape[3] % 8 == 0
                    && from.isAligned()
                    && to.isAligned();
            long width = wide ? shape[3] / 8 : shape[3];
            from.packAny(a);
            to.packAny(a);
            a.divisor(width).divisor(shape[2]).divisor(shape[1]);
            a.i32((int) (shape[0] * shape[1] * shape[2] * width)).i32(wide ? 1 : 0);
        }
    }

    private void cast(List<Cast> list) {
        for (int from = 0; from < list.size(); from += CASTS) {
            List<Cast> some = list.subList(from, Math.min(list.size(), from + CASTS));
            Arguments a = Arguments.begin();
            for (int i = 0; i < CASTS; i++) { // what is there too often is not launched
                some.get(Math.min(i, some.size() - 1)).pack(a);
            }
            long most = some.stream().mapToLong(c -> View.count(c.shape)).max().orElse(0);
            long blocks = Math.clamp((most + 8L * THREADS - 1) / (8 * THREADS), 1, 1 << 16);
            preparation.cast.launch(new Engine.Grid(blocks, some.size(), 1, THREADS, 0), a);
        }
        list.clear();
    }

    @Override
    public void close() {
        cast(back);
        scratch.close();
    }
}
