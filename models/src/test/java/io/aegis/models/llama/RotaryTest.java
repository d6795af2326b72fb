package io.aegis.models.llama;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import org.junit.jupiter.api.Test;

class RotaryTest {
    @Test
    void anglesGrowWithPositionAndFallWithThePair() {
        Rotary rotary = new Rotary(8, 10000, RopeScaling.NONE);
        assertThat(rotary.frequencies()).containsExactly(1f, 0.1f, 0.01f, 0.001f);
        try (Scope scope = Scope.open()) {
            Rotary.Angles angles = rotary.at(Tensor.of(new long[] {0, 3, 7, 2}, 2, 2));
            assertThat(angles.cos().shape()).containsExactly(2, 2, 4);
            assertThat(angles.cos().view().get(0, 1, 1)).isCloseTo(Math.cos(0.3), within(1e-7));
            assertThat(angles.sin().view().get(1, 0, 0)).isCloseTo(Math.sin(7), within(1e-7));
        }
    }

    @Test
    void linearScalingInterpolatesPositions() {
        float[] plain = new Rotary(8, 10000, RopeScaling.NONE).frequencies();
        float[] scaled = new Rotary(8, 10000, new RopeScaling.Linear(4)).frequencies();
        for (int i = 0; i < 4; i++) {
            assertThat(scaled[i]).isEqualTo(plain[i] / 4);
        }
    }

    /** With 64 positions at first, and factors 1 and 4: waves above 64 are stretched, those below 16 stay. */
    @Test
    void llama3StretchesLongWavesOnly() {
        RopeScaling scaling = new RopeScaling.Llama3(8, 1, 4, 64);
        float wave8 = (float) (2 * Math.PI / 8);
        float wave32 = (float) (2 * Math.PI / 32);
        float wave100 = (float) (2 * Math.PI / 100);
        float[] scaled = scaling.apply(new float[] {wave8, wave32, wave100});
        assertThat(scaled[0]).isEqualTo(wave8);
        // 64 / 32 = 2 is a third of the way from 1 to 4.
        assertThat(scaled[1]).isCloseTo(wave32 * (1 / 3f + 2 / 3f / 8), within(1e-7f));
        assertThat(scaled[2]).isEqualTo(wave100 / 8);
    }
}
