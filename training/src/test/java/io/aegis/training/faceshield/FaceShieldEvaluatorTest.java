package io.aegis.training.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.models.faceshield.FaceShield;
import io.aegis.tensor.Pool;
import io.aegis.training.Lanes;
import io.aegis.training.metrics.Scores;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FaceShieldEvaluatorTest {
    @TempDir
    Path folder;

    /** Several questions at a time, of several pictures, are answered and scored as one after the other. */
    @Test
    void howManyAreAskedAtOnceChangesNothing() throws IOException {
        TinyShield.write(folder, 6);
        Path model = FaceShieldTrainer.train(
                        folder.resolve("base"),
                        TinyShield.options(Stage.FULL, folder.resolve("run")),
                        TinyShield.data(folder),
                        TinyShield.SILENT)
                .model();
        String set = Files.readString(folder.resolve("sft.json"));
        // The last question is longer than the context.
        String why = "Why ? ".repeat(60).strip();
        Files.writeString(folder.resolve("sft.json"), set.substring(0, set.lastIndexOf(']')) + """
                        , {"id": "x", "image": "2.png", "conversations": [{"from": "human", "value": "<image>\\nWhy ?"},
                           {"from": "gpt", "value": "Because."}]},
                          {"id": "y", "image": "missing.png", "label": "attack", "conversations": [
                           {"from": "human", "value": "<image>\\nIs it real ?"}, {"from": "gpt", "value": "It is a spoof."}]},
                          {"id": "z", "image": "4.png", "conversations": [{"from": "human", "value": "<image>\\n%s"},
                           {"from": "gpt", "value": "Because."}]}]""".formatted(why));
        long before = Pool.host().liveBlocks();
        Problems told = new Problems();
        InstructionSet asked = InstructionFile.read(folder.resolve("sft.json"), folder.resolve("images"), told);
        Files.delete(folder.resolve("images/5.png")); // known, and gone when it is wanted
        try (FaceShield shield = FaceShield.load(model)) {
            FaceShieldEvaluator.Outcome expected = null;
            List<String> left = null;
            for (int together : new int[] {1, 2, 5}) {
                for (int lanes : new int[] {1, 2}) {
                    Problems problems = new Problems();
                    try (Lanes at = new Lanes(lanes)) {
                        FaceShieldEvaluator.Outcome got = new FaceShieldEvaluator(shield, at, together, problems)
                                .evaluate(asked, TinyShield.SILENT);
                        expected = expected == null ? got : expected;
                        left = left == null ? problems.summary() : left;
                        assertThat(got.answers()).isEqualTo(expected.answers()).hasSizeGreaterThan(7);
                        assertThat(got.scores().map(Scores::samples))
                                .isEqualTo(expected.scores().map(Scores::samples))
                                .isPresent();
                        assertThat(problems.summary()).isEqualTo(left).hasSize(2);
                    }
                }
            }
            assertThat(FaceShieldEvaluator.together(shield, asked)).isEqualTo(4);
            assertThatThrownBy(() -> new FaceShieldEvaluator(shield, new Lanes(1), 0, new Problems()))
                    .hasMessage("0 questions at once, expected at least 1");
        }
        assertThat(Pool.host().liveBlocks()).isEqualTo(before);
    }
}
