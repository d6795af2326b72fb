package io.aegis.training.synthetic.instruction;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.aegis.image.Corners;
import io.aegis.image.Images;
import io.aegis.models.faceshield.AnswerParser;
import io.aegis.models.faceshield.BoxCodec;
import io.aegis.models.faceshield.BoxReading;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.models.faceshield.PromptSet;
import io.aegis.tokenizer.ChatTemplate;
import io.aegis.tokenizer.ImagePrompt;
import io.aegis.tokenizer.Tokenizer;
import io.aegis.training.synthetic.Domain;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SyntheticInstructionsTest {
    private static final SyntheticInstructions SETS =
            new SyntheticInstructions(5, 48, List.of(Domain.OFFICE, Domain.KIOSK));

    @TempDir
    static Path folder;

    @BeforeAll
    static void write() throws IOException {
        SETS.write(folder.resolve("a"), 60, 4, 40, Domain.NIGHT);
    }

    private static JsonNode list(String name) throws IOException {
        return new JsonMapper().readTree(folder.resolve("a/" + name).toFile());
    }

    private static String answer(JsonNode entry) {
        return entry.path("conversations").path(1).path("value").asText();
    }

    @Test
    void answersSayWhatWasDrawnInWordsThatAreUnderstood() throws IOException {
        Set<String> attacks = new TreeSet<>();
        Map<FaceTask, Integer> asked = new EnumMap<>(FaceTask.class);
        for (String name : List.of("test.json", "train.json", "unseen.json")) {
            for (JsonNode entry : list(name)) {
                FaceTask task = FaceTask.named(entry.path("task").asText());
                boolean bonaFide = entry.path("label").asText().equals("bonafide");
                String answer = answer(entry);
                asked.merge(task, 1, Integer::sum);
                attacks.add(entry.path("attack").asText("none"));
                switch (task) {
                    case COARSE -> assertThat(AnswerParser.bonaFide(answer)).hasValue(bonaFide);
                    case FINE ->
                        assertThat(AnswerParser.attackType(answer)).as(answer).hasValueSatisfying(type -> assertThat(
                                        type.title())
                                .isEqualTo(entry.path("attack").asText("Bonafide")));
                    case REASON -> assertThat(AnswerParser.conclusion(answer)).hasValue(bonaFide);
                    case LOCATE -> located(entry, answer, bonaFide);
                }
            }
        }
        assertThat(asked.keySet()).containsExactly(FaceTask.values());
        assertThat(attacks).hasSize(10);
    }

    private static void located(JsonNode entry, String answer, boolean bonaFide) {
        BoxReading read = BoxCodec.NORM1000.read(answer, 48, 48);
        if (bonaFide) {
            assertThat(read).isInstanceOf(BoxReading.Missing.class);
            assertThat(AnswerParser.bonaFide(answer)).hasValue(true);
            return;
        }
        JsonNode box = entry.path("box");
        Corners truth = new Corners(
                box.get(0).asDouble(),
                box.get(1).asDouble(),
                box.get(2).asDouble(),
                box.get(3).asDouble());
        assertThat(read).isInstanceOfSatisfying(BoxReading.Found.class, found -> assertThat(
                        found.corners().iou(truth))
                .isGreaterThan(0.98));
    }

    @Test
    void testSetsAskEverythingInThePublishedWordsOfOtherPeople() throws IOException {
        JsonNode test = list("test.json");
        assertThat(test).hasSize(4 * 40);
        assertThat(list("unseen.json"))
                .hasSize(4 * 40)
                .allMatch(e -> e.path("domain").asText().equals("night"));
        assertThat(test).noneMatch(e -> e.path("domain").asText().equals("night"));
        for (JsonNode entry : test) {
            FaceTask task = FaceTask.named(entry.path("task").asText());
            assertThat(entry.path("conversations").path(0).path("value").asText())
                    .isEqualTo("<image>\n" + PromptSet.DEFAULT.question(task));
        }
        Set<String> questions = new TreeSet<>();
        list("train.json")
                .forEach(e -> questions.add(
                        e.path("conversations").path(0).path("value").asText()));
        assertThat(questions).hasSizeGreaterThan(8);
        byte[] one = picture(test.get(0));
        assertThat(picture(list("train.json").get(0))).isNotEqualTo(one);
        assertThat(SETS.face("test", 0, SETS.domains()).rgb()).isEqualTo(one);
    }

    private static byte[] picture(JsonNode entry) {
        return Images.read(
                        folder.resolve("a/images").resolve(entry.path("image").asText()))
                .bytes();
    }

    @Test
    void theTokenizerSpeaksTheLanguageOfTheAnswers() throws IOException {
        Tokenizer tokenizer = Tokenizer.open(folder.resolve("a/base"));
        assertThat(tokenizer.bos()).isPresent();
        assertThat(tokenizer.token(tokenizer.eos().orElseThrow())).isEqualTo(ChatTemplate.BUNNY.stop());
        for (JsonNode entry : list("train.json")) {
            String answer = " " + answer(entry);
            assertThat(tokenizer.decode(tokenizer.encode(answer, false), false)).isEqualTo(answer);
        }
        int prompt = ImagePrompt.encode(
                        tokenizer, ChatTemplate.BUNNY.prompt(PromptSet.DEFAULT.question(FaceTask.COARSE)))
                .ids()
                .length;
        assertThat(prompt).isLessThan(60);
    }

    @Test
    void theSameSeedGivesTheSameFiles() throws IOException {
        SETS.write(folder.resolve("b"), 60, 4, 40, Domain.NIGHT);
        for (String file : List.of("train.json", "unseen.json", "base/config.json", "base/tokenizer.json")) {
            assertThat(folder.resolve("b").resolve(file))
                    .hasSameTextualContentAs(folder.resolve("a").resolve(file));
        }
        assertThat(new SyntheticInstructions(6, 48, SETS.domains())
                        .face("test", 0, SETS.domains())
                        .rgb())
                .isNotEqualTo(SETS.face("test", 0, SETS.domains()).rgb());
    }

    @Test
    void anExistingSetIsLeftAlone() throws IOException {
        Path mine = Files.createDirectories(folder.resolve("mine"));
        Files.writeString(mine.resolve("train.json"), "mine");
        assertThatThrownBy(() -> SETS.write(mine, 1, 1, 1, Domain.NIGHT))
                .isInstanceOf(FileAlreadyExistsException.class)
                .hasMessageContaining("name another directory");
        assertThat(mine).isDirectoryContaining(p -> true).isDirectoryNotContaining(Files::isDirectory);
    }
}
