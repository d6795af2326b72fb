package io.aegis.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.models.faceshield.FaceShield;
import io.aegis.training.synthetic.Domain;
import io.aegis.training.synthetic.instruction.SyntheticInstructions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The weights that come with the sources still know what they learned. */
class PretrainedFaceShieldTest {
    private static final Path FOLDER = Path.of("..", "pretrained", "faceshield-small");

    /** Its training set has another name and seed, so these people are new; what is asked is below what it reaches. */
    @Test
    void newFacesOfKnownDomains() throws IOException {
        List<Domain> seen = Domain.standard().subList(0, 3);
        try (FaceShield shield = FaceShield.load(FOLDER)) {
            int side = shield.config().vision().image();
            SyntheticInstructions faces = new SyntheticInstructions(20, side, seen);
            FaceShieldExam exam =
                    FaceShieldExam.of("new faces", shield, 150, i -> faces.face("pretrained test", i, seen));
            assertThat(exam.coarse().accuracy()).isGreaterThan(0.9);
            assertThat(exam.fine().accuracy()).isGreaterThan(0.8);
            assertThat(exam.reasoning().accuracy()).isGreaterThan(0.9);
            assertThat(exam.boxes().orElseThrow().ap(0.5)).isGreaterThan(0.7);
        }
    }

    @Test
    void isSmall() throws IOException {
        try (Stream<Path> files = Files.list(FOLDER)) {
            assertThat(files.mapToLong(f -> f.toFile().length()).sum()).isLessThan(5_000_000);
        }
    }
}
