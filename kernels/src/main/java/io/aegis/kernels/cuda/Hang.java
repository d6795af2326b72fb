package io.aegis.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Waits that took too long, as kernels of a debug build wrote them down (struct Wait of watched.cuh).
 *
 * @param waits of one block, which has waited longest, its longest wait first
 * @param others how many blocks hang beside it
 */
record Hang(List<Wait> waits, int others) {
    /** The most that are written down. */
    static final int MOST = 2048;

    private static final int NAME_BYTES = 128;
    private static final int PLACE_BYTES = 64;
    private static final int WORDS_BYTES = 32;
    private static final int WAIT_BYTES = WORDS_BYTES + NAME_BYTES + PLACE_BYTES;

    /** What all of them need. */
    static final long BYTES = (long) MOST * WAIT_BYTES;

    Hang {
        waits = List.copyOf(waits);
    }

    /**
     * A block of a grid.
     *
     * @param x with {@code y} and {@code z}, from 0
     */
    record Block(int x, int y, int z) {
        @Override
        public String toString() {
            return "block (" + x + ", " + y + ", " + z + ")";
        }
    }

    /**
     * What a warp waits for.
     *
     * @param barrier as the kernel's file names it
     * @param place file and line of the wait
     * @param number a phase's parity, or of a barrier of threads its number
     * @param named whether it is such a one
     */
    record Wait(Block block, int warp, String barrier, String place, int number, boolean named) {
        private String what() {
            return barrier + " (" + place + "), "
                    + (named ? "which is number " + number : "a phase of parity " + number);
        }
    }

    /** Reads what is written down: {@link #BYTES} bytes that were zeros. Nothing where nobody waited too long. */
    static Optional<Hang> read(MemorySegment memory) {
        List<Wait> all = new ArrayList<>();
        for (int i = 0; i < MOST; i++) {
            MemorySegment w = memory.asSlice((long) i * WAIT_BYTES, WAIT_BYTES);
            if (w.get(JAVA_INT, 0) == 1) {
                all.add(wait(w));
            }
        }
        if (all.isEmpty()) {
            return Optional.empty();
        }
        Block first = all.getFirst().block;
        List<Wait> own =
                all.stream().filter(w -> w.block.equals(first)).distinct().toList();
        long blocks = all.stream().map(Wait::block).distinct().count();
        return Optional.of(new Hang(own, (int) blocks - 1));
    }

    private static Wait wait(MemorySegment w) {
        return new Wait(
                new Block(w.getAtIndex(JAVA_INT, 1), w.getAtIndex(JAVA_INT, 2), w.getAtIndex(JAVA_INT, 3)),
                w.getAtIndex(JAVA_INT, 4) / 32,
                w.getString(WORDS_BYTES),
                w.getString(WORDS_BYTES + NAME_BYTES),
                w.getAtIndex(JAVA_INT, 6),
                w.getAtIndex(JAVA_INT, 5) != 0);
    }

    @Override
    public String toString() {
        Map<String, TreeSet<Integer>> warps = new LinkedHashMap<>();
        waits.forEach(
                w -> warps.computeIfAbsent(w.what(), what -> new TreeSet<>()).add(w.warp));
        String where = warps.entrySet().stream()
                .map(e -> (e.getValue().size() == 1
                                ? "warp " + e.getValue().first() + " waits"
                                : "warps " + list(e.getValue()) + " wait")
                        + " at " + e.getKey())
                .collect(Collectors.joining("; "));
        return waits.getFirst().block + " hangs: " + where
                + (warps.size() == 1 ? "" : " (the first has waited longest)")
                + (others == 0 ? "" : "; " + others + (others == 1 ? " more block hangs" : " more blocks hang"));
    }

    private static String list(TreeSet<Integer> warps) {
        return warps.stream().map(Object::toString).collect(Collectors.joining(", "));
    }
}
