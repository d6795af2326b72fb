package io.aegis.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Operands of a product in the order in which {@link Tile} reads them: panels of so many lines (rows of A, columns of B), and
 * of a panel the numbers of all its lines at one step of the depth, then at the next. Lines that are missing of the last
 * panel are 0.
 */
final class Panels {
    /** Lines that are interleaved at a time; a panel has a multiple of it. */
    private static final int FOUR = 4;

    private Panels() {}

    /**
     * Packs lines that lie dense along the depth, as do rows of A and rows of a weight [out, in].
     *
     * @param at the first number of the first line
     * @param ld numbers from a line to the next
     * @param tall lines of a panel
     */
    static void ofLines(MemorySegment x, long at, long ld, int depth, int lines, int tall, float factor, float[] to) {
        for (int line = 0; line < lines; line += tall) {
            int start = line * depth;
            for (int q = 0; q < tall; q += FOUR) {
                long first = at + (line + q) * ld;
                int there = Math.clamp(lines - line - q, 0, FOUR);
                if (there == FOUR) {
                    four(x, first, ld, depth, factor, to, start + q, tall);
                } else {
                    some(x, first, ld, depth, there, factor, to, start + q, tall);
                }
            }
        }
    }

    /** Packs lines of which the steps lie dense: columns of B [k, n], or rows of a transposed A. */
    static void ofSteps(MemorySegment x, long at, long ld, int depth, int lines, int tall, float factor, float[] to) {
        for (int line = 0; line < lines; line += tall) {
            int there = Math.min(tall, lines - line);
            for (int l = 0; l < depth; l++) {
                int start = line * depth + l * tall;
                long from = at + l * ld + line;
                for (int q = 0; q < there; q++) {
                    to[start + q] = Lanes.get(x, from + q) * factor;
                }
                Arrays.fill(to, start + there, start + tall, 0);
            }
        }
    }

    private static void four(MemorySegment x, long at, long ld, int depth, float factor, float[] to, int i, int step) {
        long a1 = at + ld;
        long a2 = a1 + ld;
        long a3 = a2 + ld;
        for (int l = 0; l < depth; l++) {
            to[i + l * step] = Lanes.get(x, at + l) * factor;
            to[i + l * step + 1] = Lanes.get(x, a1 + l) * factor;
            to[i + l * step + 2] = Lanes.get(x, a2 + l) * factor;
            to[i + l * step + 3] = Lanes.get(x, a3 + l) * factor;
        }
    }

    private static void some(
            MemorySegment x, long at, long ld, int depth, int there, float factor, float[] to, int i, int step) {
        for (int q = 0; q < FOUR; q++) {
            for (int l = 0; l < depth; l++) {
                to[i + l * step + q] = q < there ? Lanes.get(x, at + q * ld + l) * factor : 0;
            }
        }
    }
}
