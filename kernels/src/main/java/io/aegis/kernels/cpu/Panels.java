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
     * Packs the first lines of an operand.
     *
     * @param ofLines whether its lines lie dense, as do rows of A and of a weight [out, in]; else their steps do
     * @param tall lines of a panel
     * @param factor of every number
     */
    static void pack(Operand x, boolean ofLines, int depth, int lines, int tall, float factor, float[] to) {
        for (int line = 0; line < lines; line += tall) {
            int there = Math.min(tall, lines - line);
            if (ofLines) {
                lines(
                        x.memory(),
                        x.offset() + line * x.leading(),
                        x.leading(),
                        depth,
                        there,
                        tall,
                        factor,
                        to,
                        line * depth);
            } else {
                steps(x.memory(), x.offset() + line, x.leading(), depth, there, tall, factor, to, line * depth);
            }
        }
    }

    private static void lines(
            MemorySegment x, long at, long ld, int depth, int there, int tall, float factor, float[] to, int start) {
        for (int q = 0; q < tall; q += FOUR) {
            int left = Math.clamp(there - q, 0, FOUR);
            if (left == FOUR) {
                four(x, at + q * ld, ld, depth, factor, to, start + q, tall);
            } else {
                some(x, at + q * ld, ld, depth, left, factor, to, start + q, tall);
            }
        }
    }

    private static void steps(
            MemorySegment x, long at, long ld, int depth, int there, int tall, float factor, float[] to, int start) {
        for (int l = 0; l < depth; l++) {
            int first = start + l * tall;
            for (int q = 0; q < there; q++) {
                to[first + q] = Lanes.get(x, at + l * ld + q) * factor;
            }
            Arrays.fill(to, first + there, first + tall, 0);
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
