package io.aegis.models.faceshield;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.image.Image;
import io.aegis.models.llama.GenerationOptions;
import io.aegis.tensor.Pool;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A small FaceShield in a folder of its test's own; all memory has to be back when the test is over. */
abstract class LoadedFaceShield {
    static final String QUESTION = "What Attack Type of the face in the image ?";

    @TempDir
    Path folder;

    FaceShield shield;
    GenerationOptions options;
    private long before;

    @BeforeEach
    void load() {
        before = Pool.host().liveBlocks();
        SmallFaceShield.write(folder, FaceShieldOptions.DEFAULT, Map.of());
        shield = FaceShield.load(folder);
        options = shield.generation().withMaxNewTokens(6);
    }

    @AfterEach
    void nothingIsLeftBehind() {
        shield.close();
        assertThat(Pool.host().liveBlocks() - before)
                .as("blocks not given back")
                .isZero();
    }

    Reply ask(Image picture, String question) {
        try (Examination e = shield.examine(picture)) {
            return e.ask(question, options, text -> {}, () -> false);
        }
    }

    static void assertSame(Reply reply, Reply expected) {
        assertThat(reply.generation().tokens()).isEqualTo(expected.generation().tokens());
        assertThat(reply.generation().logProbabilities())
                .isEqualTo(expected.generation().logProbabilities());
        assertThat(reply.text()).isEqualTo(expected.text());
    }
}
