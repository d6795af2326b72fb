package io.aegis.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.kernels.Activation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Functions of a row by machine code, beside those of the Vector API, bit by bit, and beside doubles. */
class MachineFunctionsTest {
    private static final float[] SPECIAL = {
        0f,
        -0f,
        Float.NaN,
        Float.POSITIVE_INFINITY,
        Float.NEGATIVE_INFINITY,
        87.2f,
        -87.4f,
        88.2f,
        89f,
        1e-30f,
        -1e30f,
        Float.MIN_VALUE
    };

    @BeforeEach
    void machineCode() {
        assumeTrue(MachineFunctions.suit(16), "no machine code of 256 bits");
    }

    @ParameterizedTest
    @EnumSource(
            value = Activation.class,
            names = {"GELU", "QUICK_GELU", "GELU_TANH", "SILU"})
    void activations(Activation f) {
        assertThat(MachineFunctions.covers(f)).isTrue();
        for (int n = 16; n < 60; n++) {
            float[] x = row(n);
            float[] got = new float[n];
            float[] expected = new float[n];
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment from = arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
                MemorySegment to = guarded(arena, n);
                MachineFunctions.apply(f, from, 0, to, 1, n);
                got = unguarded(to, n);
            }
            // The plain loops take whole vectors; each element is made the first of one.
            for (int i = 0; i < n; i++) {
                expected[i] = plain(f, x[i]);
                if (Float.isFinite(x[i])) {
                    double exact = f.value(x[i]);
                    assertThat((double) got[i]).isCloseTo(exact, within(1e-6 * Math.max(1, Math.abs(exact))));
                }
            }
            assertThat(got).as("%s of %d", f, n).containsExactly(expected);
        }
    }

    private static float plain(Activation f, float x) {
        // Less than what machine code takes.
        int n = 8;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment m = arena.allocate(2L * n * Float.BYTES);
            for (int i = 0; i < n; i++) {
                Lanes.set(m, i, x);
            }
            CpuActivation.forward(f, m, 0, m, n, n);
            return Lanes.get(m, n);
        }
    }

    @Test
    void gates() {
        for (int n = 16; n < 40; n++) {
            float[] gate = row(n);
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment g = arena.allocateFrom(ValueLayout.JAVA_FLOAT, gate);
                MemorySegment up = arena.allocateFrom(ValueLayout.JAVA_FLOAT, row(n + 5));
                MemorySegment to = guarded(arena, n);
                MachineFunctions.gate(g, 0, up, 5, to, 1, n);
                float[] got = unguarded(to, n);
                float[] expected = new float[n];
                for (int i = 0; i < n; i++) {
                    MemorySegment one = arena.allocate(4);
                    GateRows.forward(g, i, up, 5 + i, one, 0, 1);
                    expected[i] = Lanes.get(one, 0);
                }
                assertThat(got).containsExactly(expected);
            }
        }
    }

    @Test
    void exponentials() {
        for (int n = 16; n < 80; n++) {
            for (float shift : new float[] {0, 3.5f, -20}) {
                float[] x = row(n);
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment s = guarded(arena, n);
                    MemorySegment.copy(x, 0, s, ValueLayout.JAVA_FLOAT, Float.BYTES, n);
                    float sum = MachineFunctions.exponentials(s, 1, shift, n);
                    float[] got = unguarded(s, n);
                    double total = 0;
                    for (int i = 0; i < n; i++) {
                        FloatVector e = Lanes.exp(Lanes.broadcast(x[i]).sub(shift));
                        assertThat(Float.valueOf(got[i]))
                                .as("exp(%s - %s)", x[i], shift)
                                .isEqualTo(Float.valueOf(e.lane(0)));
                        total += e.lane(0);
                    }
                    if (Double.isNaN(total)) {
                        assertThat(sum).isNaN();
                    } else {
                        assertThat((double) sum).isCloseTo(total, within(1e-5 * total));
                    }
                }
            }
        }
    }

    @Test
    void rowsOfExponentials() {
        int rows = 5;
        int n = 37;
        int apart = 41;
        float[] shifts = {0, 1, -2, 3, 4};
        float[] sums = new float[rows];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment s = arena.allocate((long) rows * apart * Float.BYTES);
            for (int i = 0; i < rows * apart; i++) {
                Lanes.set(s, i, (float) Math.sin(i));
            }
            MemorySegment each = arena.allocate(s.byteSize()).copyFrom(s);
            MachineFunctions.exponentials(s, 0, apart, rows, n, shifts, sums);
            for (int r = 0; r < rows; r++) {
                assertThat(MachineFunctions.exponentials(each, (long) r * apart, shifts[r], n))
                        .isEqualTo(sums[r]);
            }
            // Also what lies between the rows.
            assertThat(s.mismatch(each)).isEqualTo(-1);
        }
    }

    private static float[] row(int n) {
        float[] x = new float[n];
        for (int i = 0; i < n; i++) {
            int special = n % 7 == 0 ? i : -1;
            x[i] = special >= 0 && special < SPECIAL.length ? SPECIAL[special] : (float) (9 * Math.sin(i * 1.7 + n));
        }
        return x;
    }

    private static MemorySegment guarded(Arena arena, int n) {
        MemorySegment m = arena.allocate((n + 2L) * Float.BYTES);
        Lanes.set(m, 0, -77);
        Lanes.set(m, n + 1L, -77);
        return m;
    }

    private static float[] unguarded(MemorySegment m, int n) {
        assertThat(Lanes.get(m, 0)).isEqualTo(-77);
        assertThat(Lanes.get(m, n + 1L)).isEqualTo(-77);
        return m.asSlice(Float.BYTES, (long) n * Float.BYTES).toArray(ValueLayout.JAVA_FLOAT);
    }
}
