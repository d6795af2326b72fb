package io.aegis.training.synthetic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class DrawsTest {
    @Test
    void normalHasMeanZeroAndDeviationOne() {
        Draws d = new Draws(11, Draws.Site.NOISE_RGB);
        double sum = 0;
        double squares = 0;
        int n = 200_000;
        for (int i = 0; i < n; i++) {
            double v = d.normal();
            sum += v;
            squares += v * v;
            assertThat(Math.abs(v)).isLessThan(3.5);
        }
        assertThat(sum / n).isCloseTo(0, within(0.01));
        assertThat(squares / n).isCloseTo(1, within(0.01));
    }

    @Test
    void unitIsUniform() {
        Draws d = new Draws(11, Draws.Site.POSE);
        int[] tenths = new int[10];
        for (int i = 0; i < 100_000; i++) {
            tenths[(int) (10 * d.unit())]++;
        }
        for (int count : tenths) {
            assertThat(count).isCloseTo(10_000, within(400));
        }
    }

    @Test
    void sitesAndSeedsAreStreamsOfTheirOwn() {
        float pose = new Draws(11, Draws.Site.POSE).unit();
        assertThat(new Draws(11, Draws.Site.POSE).unit()).isEqualTo(pose);
        assertThat(new Draws(11, Draws.Site.LIGHT).unit()).isNotEqualTo(pose);
        assertThat(new Draws(12, Draws.Site.POSE).unit()).isNotEqualTo(pose);
    }
}
