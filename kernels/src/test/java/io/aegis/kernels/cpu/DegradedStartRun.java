package io.aegis.kernels.cpu;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;

/** A process of {@link DegradedStartTest}: one product of small whole numbers, exact in any order, and who computed it. */
final class DegradedStartRun {
    private DegradedStartRun() {}

    public static void main(String[] args) {
        Kernels best = Backends.best();
        try (Arena arena = Arena.ofConfined()) {
            View a = numbers(arena, 37, 65);
            View b = numbers(arena, 65, 20);
            View c = View.allocate(arena, DType.F32, 37, 20);
            best.matmul().multiply(a, b, c, Matmul.Epilogue.NONE);
            double sum = 0;
            for (long i = 0; i < 37; i++) {
                for (long j = 0; j < 20; j++) {
                    sum += c.get(i, j) * (i + 3 * j + 1);
                }
            }
            System.out.println(best.name() + " | " + best.choices().getFirst().implementation() + " | " + sum + " | "
                    + half(best));
        }
    }

    /** Why products of bfloat16 are what they are. */
    private static String half(Kernels best) {
        return best.choices().stream()
                .filter(c -> c.family().equals(Kernels.Choice.BFLOAT16))
                .map(c -> c.implementation() + ": " + c.reason())
                .findFirst()
                .orElse("none");
    }

    private static View numbers(Arena arena, long rows, long columns) {
        View v = View.allocate(arena, DType.F32, rows, columns);
        for (long i = 0; i < rows; i++) {
            for (long j = 0; j < columns; j++) {
                v.set((i * 7 + j * 5) % 11 - 5, i, j);
            }
        }
        return v;
    }
}
