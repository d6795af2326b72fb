package io.aegis.training.faceshield;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.tokenizer.ChatTemplate;
import io.aegis.tokenizer.Tokenizer;
import io.aegis.weights.Safetensors;
import io.aegis.weights.Views;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LessonPlannerTest {
    @TempDir
    Path folder;

    private final Problems problems = new Problems();
    private Tokenizer tokenizer;

    @BeforeEach
    void model() {
        TinyShield.write(folder, 2);
        tokenizer = Tokenizer.open(folder.resolve("base"));
    }

    private static Instruction instruction(String question, String answer) {
        return new Instruction("1", 0, "a.png", Path.of("a.png"), question, answer, Truth.NONE);
    }

    private String text(long[] ids) {
        return tokenizer.decode(
                Arrays.stream(ids)
                        .filter(i -> i != FaceShieldNetwork.PICTURE)
                        .mapToInt(i -> (int) i)
                        .toArray(),
                false);
    }

    @Test
    void answersAreLearnedFromTheirSpaceToWhatClosesThem() {
        Lesson lesson = new LessonPlanner(tokenizer, ChatTemplate.BUNNY, 1, 1000)
                .of(instruction("Is it real ?", "It is a spoof."), problems)
                .orElseThrow();

        assertThat(text(lesson.targets())).isEqualTo(" It is a spoof.<|end_of_text|>");
        assertThat(text(lesson.prompt()))
                .startsWith("<|begin_of_text|>A chat between")
                .endsWith(" USER: \nIs it real ? ASSISTANT:");
        assertThat(lesson.prompt()).containsOnlyOnce(FaceShieldNetwork.PICTURE);
        assertThat(text(lesson.question())).isEqualTo("Is it real ?");
        assertThat(lesson.tokens()).isEqualTo(lesson.targets().length);
        assertThat(text(lesson.cut(3).targets())).isEqualTo(" It");
    }

    @Test
    void captionsHaveNoQuestionAndEndWithTheirLine() {
        Lesson lesson = new LessonPlanner(tokenizer, ChatTemplate.PLAIN, 1, 1000)
                .of(instruction("Describe it.", "A face."), problems)
                .orElseThrow();

        assertThat(lesson.prompt()).containsExactly(256, FaceShieldNetwork.PICTURE);
        assertThat(text(lesson.targets())).isEqualTo("A face.\n");
        assertThat(text(lesson.question())).as("what tokens are chosen by").isEqualTo("Describe it.");
        assertThat(new LessonPlanner(tokenizer, ChatTemplate.PLAIN, 1, 1000)
                        .of(instruction("", "A face."), problems)
                        .orElseThrow()
                        .question())
                .isEmpty();
    }

    @Test
    void twoPlacesForThePictureAreTwo() {
        Lesson lesson = new LessonPlanner(tokenizer, ChatTemplate.BUNNY, 2, 1000)
                .of(instruction("Q", "A"), problems)
                .orElseThrow();
        assertThat(Arrays.stream(lesson.ids()).filter(i -> i == FaceShieldNetwork.PICTURE))
                .hasSize(2);
        assertThat(text(lesson.prompt())).endsWith(" USER: \n\nQ ASSISTANT:");
    }

    @Test
    void roomIsCountedWithoutThePicture() {
        Instruction s = instruction("Q", "A");
        Lesson lesson = new LessonPlanner(tokenizer, ChatTemplate.BUNNY, 1, 1000)
                .of(s, problems)
                .orElseThrow();
        int tokens = lesson.ids().length - 1;

        assertThat(new LessonPlanner(tokenizer, ChatTemplate.BUNNY, 1, tokens).of(s, problems))
                .isPresent();
        assertThat(problems.isEmpty()).isTrue();
        assertThat(new LessonPlanner(tokenizer, ChatTemplate.BUNNY, 1, tokens - 1).of(s, problems))
                .isEmpty();
        assertThat(problems.of(Problem.TRUNCATED))
                .containsExactly(
                        "1, a.png: " + tokens + " tokens besides the picture's, where " + (tokens - 1) + " have room");
    }

    /** As the reference tokenises its own training sample. */
    @Test
    void lessonsAreTheReferences() throws IOException {
        Path golden = Path.of(System.getProperty("aegis.golden", "absent"), "faceshield");
        Assumptions.assumeTrue(Files.exists(golden), golden + " is not here");
        Tokenizer theirs = Tokenizer.open(golden);
        String question = new ObjectMapper()
                .readTree(golden.resolve("config.json").toFile())
                .path("question")
                .asText();
        try (Safetensors io = Safetensors.open(golden.resolve("io.safetensors"))) {
            long[] answer = longs(io, "train.answer_ids");
            String text = theirs.decode(
                            Arrays.stream(answer).mapToInt(i -> (int) i).toArray(), true)
                    .strip();

            Lesson lesson = new LessonPlanner(theirs, ChatTemplate.BUNNY, 1, 1000)
                    .of(instruction(question, text), problems)
                    .orElseThrow();

            assertThat(lesson.targets()).containsExactly(answer);
            assertThat(lesson.prompt()).containsExactly(longs(io, "input_ids"));
            assertThat(lesson.question()).containsExactly(longs(io, "question_ids"));
        }
    }

    private static long[] longs(Safetensors io, String name) {
        return Arrays.stream(Views.of(io, name).toDoubles())
                .mapToLong(v -> (long) v)
                .toArray();
    }
}
