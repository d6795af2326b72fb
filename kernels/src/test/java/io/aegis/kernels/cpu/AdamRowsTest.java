package io.aegis.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.kernels.AdamStep;
import io.aegis.kernels.Optimizer.Adam;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A step of Adam by machine code and by the Vector API's loop: the same bits, and nothing beyond the row is touched. */
class AdamRowsTest {
    private static final float GUARD = 12345;
    private static final float[] SPECIAL = {
        0, -0f, Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.MIN_VALUE, 1e-30f, 1e30f
    };

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void bits(boolean decoupled) {
        assumeTrue(MachineCode.available(), "no machine code here");
        AdamRows rows =
                new AdamRows(new Adam(0.9, 0.999, 1e-8, 5e-2, decoupled), new AdamStep(1e-3, 0.271, 2.997e-3, true));
        Random random = new Random(5);
        for (int n = 1; n < 90; n++) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment[] machine = new MemorySegment[4];
                MemorySegment[] vectors = new MemorySegment[4];
                for (int i = 0; i < 4; i++) {
                    float[] row = new float[n + 2];
                    for (int j = 0; j < row.length; j++) {
                        boolean special = random.nextInt(20) == 0;
                        float x = special ? SPECIAL[random.nextInt(SPECIAL.length)] : (float) random.nextGaussian();
                        row[j] = j == 0 || j == n + 1 ? GUARD : i == 3 && x < 0 ? -x : x;
                    }
                    machine[i] = arena.allocateFrom(ValueLayout.JAVA_FLOAT, row);
                    vectors[i] = arena.allocateFrom(ValueLayout.JAVA_FLOAT, row);
                }
                rows.step(inner(machine[0]), inner(machine[1]), inner(machine[2]), inner(machine[3]), n);
                rows.vectors(inner(vectors[0]), inner(vectors[1]), inner(vectors[2]), inner(vectors[3]), n);
                for (int i = 0; i < 4; i++) {
                    float[] got = machine[i].toArray(ValueLayout.JAVA_FLOAT);
                    assertThat(got)
                            .as("operand %d of %d floats", i, n)
                            .containsExactly(vectors[i].toArray(ValueLayout.JAVA_FLOAT));
                    assertThat(got[0]).isEqualTo(GUARD);
                    assertThat(got[n + 1]).isEqualTo(GUARD);
                }
            }
        }
    }

    /** Behind the first guard. */
    private static MemorySegment inner(MemorySegment row) {
        return row.asSlice(Float.BYTES);
    }
}
