package io.aegis.kernels.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Working memory of one thread, kept between calls. One use at a time a slot: whoever nests takes another slot. */
final class Scratch {
    /** A widened row of weights. */
    static final int ROW = 8;
    /** A widened panel of weights. */
    static final int PANEL = 9;
    /** A left operand rounded to 16 bits, for all threads of a product. */
    static final int NARROW = 10;
    /** Panels of 16-bit operands, widened. */
    static final int WIDE_A = 11;

    static final int WIDE_B = 12;
    /** What oneDNN works in. */
    static final int ONE_DNN = 13;
    /** Rows as machine code reads them, for all threads of a product, and the sums that it leaves. */
    static final int MACHINE_ROWS = 14;

    static final int MACHINE_SUMS = 15;
    /** Operands of a product as its tiles read them. */
    static final int MACHINE_A = 16;

    static final int MACHINE_B = 17;
    static final int MACHINE_WIDE = 18;
    static final int MACHINE_FACTOR = 19;
    /** Operands of attention, and of convolutions, rounded to 16 bits. */
    static final int KEYS = 20;

    static final int VALUES = 21;
    static final int QUERIES = 22;
    static final int SLOPES = 23;
    static final int PROBABILITIES = 24;
    static final int WEIGHT = 25;
    static final int PATCHES = 26;
    static final int GRADIENT = 27;
    static final int CLEARED = 28;
    private static final int LAST = CLEARED;
    /** Of arrays: the scales of a quantised column. Those before it are rows of a product. */
    static final int SCALES = 9;
    /** Of arrays: what {@link PanelProduct} works on. */
    static final int PACKED_ROWS = 10;

    static final int PACKED_COLUMNS = 11;
    static final int TILE = 12;
    /** Of arrays: what {@link DirectConvolution} works on. */
    static final int FRAME = 13;

    static final int WEIGHTS = 14;
    static final int GRADIENTS = 15;

    private static final ThreadLocal<float[][]> ARRAYS = ThreadLocal.withInitial(() -> new float[GRADIENTS + 1][]);
    private static final ThreadLocal<MemorySegment[]> SLOTS =
            ThreadLocal.withInitial(() -> new MemorySegment[LAST + 1]);
    private static final long ALIGNMENT = 64;

    private Scratch() {}

    /** At least this many floats, with whatever was in them. */
    static MemorySegment floats(int slot, long count) {
        MemorySegment[] slots = SLOTS.get();
        if (slots[slot] == null || slots[slot].byteSize() < count * Float.BYTES) {
            slots[slot] = Arena.ofAuto().allocate(Math.max(count, 1024) * Float.BYTES, ALIGNMENT);
        }
        return slots[slot];
    }

    /** As {@link #floats}, on the heap; these slots are others. */
    static float[] array(int slot, int count) {
        float[][] slots = ARRAYS.get();
        if (slots[slot] == null || slots[slot].length < count) {
            slots[slot] = new float[Math.max(count, 1024)];
        }
        return slots[slot];
    }
}
