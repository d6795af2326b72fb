package io.aegis.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.training.metrics.Sample;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Split;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScoresFileTest {
    @TempDir
    Path folder;

    @Test
    void scoresReadBackAsTheyWere() {
        Scores scores = new Scores(
                "set",
                Split.DEVELOPMENT,
                List.of(
                        Sample.bonaFide("a \"b\", c.png", -0.1 - 0.2, "W"),
                        Sample.attack("d.png", 1e-17, "paper, mask", ""),
                        Sample.attack("e.png", Double.MAX_VALUE, "", "P")));
        Path file = folder.resolve("scores.csv");

        ScoresFile.write(file, scores);

        assertThat(ScoresFile.read(file, "set", Split.DEVELOPMENT)).isEqualTo(scores);
    }

    @Test
    void anotherFileIsRefused() throws IOException {
        Path file = folder.resolve("scores.csv");
        Files.writeString(file, "id,score,label,attack,domain\na,b,attack,print,W\n");
        assertThatThrownBy(() -> ScoresFile.read(file, "set", Split.TEST))
                .isInstanceOf(DataException.class)
                .hasMessageStartingWith(file + ", line 2: ");
        Files.writeString(file, "id,score,label,attack,domain\na,1\n");
        assertThatThrownBy(() -> ScoresFile.read(file, "set", Split.TEST))
                .isInstanceOf(DataException.class)
                .hasMessage(file + ", line 2: expected id,score,label,attack,domain");
    }
}
