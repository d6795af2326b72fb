package io.aegis.kernels.cpu;

import io.aegis.kernels.cpu.RightOperand.Lines;
import io.aegis.kernels.cpu.x86.TileProduct;
import io.aegis.kernels.cpu.x86.Transpose;
import java.lang.foreign.MemorySegment;

/**
 * Lines of an operand (rows of A, columns of B) as {@link TileProduct} reads them: panels of so many lines, whole in their
 * depth, and of a panel the numbers of all its lines at one step, then at the next. Lines that are missing of the last panel
 * are 0.
 *
 * @param tall lines of a panel, 6 or 16
 */
record MachinePanels(MemorySegment data, int tall, int lines, int depth) {
    private static final int EIGHT = Transpose.EIGHT;
    /** Elements of a row that are widened at a time: eight such pieces stay in the first cache. */
    private static final int PIECE = 512;

    /** Floats from one panel to the next. Of six lines eight are written, and the last step's go beyond the panel. */
    long stride() {
        return (long) tall * depth + EIGHT;
    }

    /** Bytes from the start, of a line that begins a panel, at a step of the depth. */
    long at(int line, int step) {
        return (line / tall * stride() + (long) step * tall) * Float.BYTES;
    }

    /** Room in a slot of this thread's scratch memory. */
    static MachinePanels in(int slot, int tall, int lines, int depth) {
        long panels = Math.ceilDiv(lines, tall);
        return new MachinePanels(Scratch.floats(slot, panels * ((long) tall * depth + EIGHT)), tall, lines, depth);
    }

    /** Packs all lines of A, or of B, by all threads. */
    MachinePanels packShared(Operand x, boolean ofLines) {
        Workers.grains(
                lines,
                Math.max(tall, (1 << 15) / Math.max(1, depth)),
                tall,
                (from, to) -> pack(x, ofLines, (int) from, (int) to));
        return this;
    }

    /**
     * Packs all lines by this thread, widened.
     *
     * @param first the line of x that is the first here
     * @param step the step that is
     */
    MachinePanels pack(Lines x, boolean ofLines, long first, long step) {
        if (ofLines) {
            widenLines(x, first, step);
        } else {
            widenSteps(x, first, step);
        }
        return this;
    }

    private void widenLines(Lines x, long first, long step) {
        int most = Math.min(depth, PIECE);
        MemorySegment wide = Scratch.floats(Scratch.MACHINE_WIDE, (long) EIGHT * most);
        for (int line = 0; line < Math.ceilDiv(lines, tall) * tall; line += EIGHT) {
            int there = Math.clamp(lines - line, 0, EIGHT);
            for (int l = 0; l < depth; l += most) {
                int length = Math.min(most, depth - l);
                for (int i = 0; i < there; i++) {
                    x.read(first + line + i, step + l, length, wide, (long) i * length);
                }
                turn(wide, 0, length, there, length, line / tall * stride() + (long) l * tall + line % tall);
            }
        }
    }

    private void widenSteps(Lines x, long first, long step) {
        int panels = Math.ceilDiv(lines, tall);
        int width = panels * tall;
        int most = Math.clamp(EIGHT * PIECE / width, 1, depth);
        MemorySegment wide = Scratch.floats(Scratch.MACHINE_WIDE, (long) most * width);
        wide.asSlice(0, (long) most * width << 2).fill((byte) 0);
        for (int l = 0; l < depth; l += most) {
            int steps = Math.min(most, depth - l);
            for (int i = 0; i < steps; i++) {
                x.read(step + l + i, first, lines, wide, (long) i * width);
            }
            copy(wide, 0, width, panels, 0, l, steps, tall);
        }
    }

    /** Packs all lines by this thread. */
    MachinePanels pack(Operand x, boolean ofLines) {
        pack(x, ofLines, 0, lines);
        return this;
    }

    /** @param ofLines whether lines lie dense, as do rows of A and of a weight [out, in]; else steps do */
    private void pack(Operand x, boolean ofLines, int from, int to) {
        if (ofLines) {
            for (int panel = from; panel < to; panel += tall) {
                for (int q = 0; q < tall; q += EIGHT) {
                    // Of six lines two more are read where there are two more.
                    int there = Math.clamp(lines - panel - q, 0, EIGHT);
                    long start = x.offset() + (panel + q) * x.leading();
                    turn(x.memory(), start, x.leading(), there, depth, panel / tall * stride() + q);
                }
            }
            return;
        }
        int wide = Math.ceilDiv(tall, EIGHT) * EIGHT;
        int whole = from + wide > lines ? 0 : Math.min((lines - wide - from) / tall + 1, Math.ceilDiv(to - from, tall));
        if (whole > 0) {
            copy(x.memory(), x.offset() + from, x.leading(), whole, from, 0, depth, wide);
        }
        for (int panel = from + whole * tall; panel < to; panel += tall) {
            int there = Math.min(tall, lines - panel);
            edge(x.memory(), x.offset() + panel, x.leading(), there, panel);
        }
    }

    /** So many rows, up to eight, become columns; zeros are written in the place of the others. */
    private void turn(MemorySegment x, long from, long leading, int rows, int steps, long at) {
        MemorySegment read = rows == 0 ? MemorySegment.NULL : x.asSlice(from << 2, ((rows - 1) * leading + steps) << 2);
        MachineCode.transpose(rows)
                .call(
                        read,
                        data.asSlice(at << 2, ((steps - 1L) * tall + EIGHT) << 2),
                        MachineCode.mask(steps % EIGHT),
                        MemorySegment.NULL,
                        leading << 2,
                        (long) tall << 2,
                        steps / EIGHT,
                        steps % EIGHT);
    }

    /** One panel, of which there are so many lines. */
    private void edge(MemorySegment x, long from, long leading, int there, int line) {
        MachineCode.copyPanel(tall, true)
                .call(
                        x.asSlice(from << 2, ((depth - 1) * leading + there) << 2),
                        data.asSlice(at(line, 0), stride() << 2),
                        MachineCode.mask(there),
                        MemorySegment.NULL,
                        leading << 2,
                        0,
                        1,
                        depth);
    }

    /**
     * Panels from a line and a step on: of every step as many floats as all of them have, and what is written too much.
     *
     * @param wide floats that are moved for a panel
     */
    private void copy(MemorySegment x, long from, long leading, int panels, int line, int step, int steps, int wide) {
        long floats = (panels - 1L) * tall + wide;
        MachineCode.copyPanel(tall, false)
                .call(
                        x.asSlice(from << 2, ((steps - 1) * leading + floats) << 2),
                        data.asSlice(at(line, step), ((panels - 1) * stride() + (steps - 1L) * tall + wide) << 2),
                        MemorySegment.NULL,
                        MemorySegment.NULL,
                        leading << 2,
                        stride() << 2,
                        panels,
                        steps);
    }
}
