package io.aegis.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class BatchPlanTest {
    private static final String PATHS =
            Path.of("rgb", "a1.png") + ", " + Path.of("depth", "a1.png") + ", " + Path.of("ir", "a1.png");

    private final BatchPlan plan = new BatchSampler(
                    Samples.split(Samples.domain("a", 3, 0)), BatchSampler.Options.evaluation(3), 0)
            .batch(Position.START);

    @Test
    void readsInOrder() throws InterruptedException {
        assertThat(plan.read(row -> row.sample().id())).containsExactly("a0", "a1", "a2");
        assertThat(plan.identities()).containsExactly(0, 1, 2);
    }

    @Test
    void failuresNameThePictures() {
        refuses(new IOException("not a PNG"), PATHS + ": not a PNG");
        refuses(new IllegalStateException(), PATHS + ": IllegalStateException");
    }

    @Test
    void failuresThatNameThePictureAlreadyAreLeftAlone() {
        String message = Path.of("depth", "a1.png") + ": ends after 12 of 40 rows";
        refuses(new IOException(message), message);
    }

    @Test
    void interruption() {
        assertThatThrownBy(() -> plan.read(_ -> {
                    throw new InterruptedException("stop");
                }))
                .isInstanceOf(InterruptedException.class);
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> plan.read(row -> row)).isInstanceOf(InterruptedException.class);
    }

    private void refuses(Exception failure, String message) {
        assertThatThrownBy(() -> plan.read(row -> {
                    if (row.index() == 1) {
                        throw failure;
                    }
                    return row;
                }))
                .isInstanceOf(DataException.class)
                .hasMessage(message)
                .hasCause(failure);
    }
}
