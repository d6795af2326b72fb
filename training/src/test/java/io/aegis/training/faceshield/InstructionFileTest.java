package io.aegis.training.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.training.data.DataException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InstructionFileTest {
    @TempDir
    Path folder;

    private Path images;
    private final Problems problems = new Problems();

    @BeforeEach
    void pictures() throws IOException {
        images = Files.createDirectory(folder.resolve("images"));
        Files.createDirectory(images.resolve("w"));
        for (String name : List.of("a.png", "b.png", "w/c.png")) {
            Files.writeString(images.resolve(name), "nobody decodes it here");
        }
    }

    private InstructionSet read(String text) throws IOException {
        Path file = folder.resolve("sft.json");
        Files.writeString(file, text);
        return InstructionFile.read(file, images, problems);
    }

    private static String entry(String id, String image, String... turns) {
        return object(id, image, "", turns);
    }

    private static String withFields(String id, String image, String fields) {
        return object(id, image, fields, "human", "Real ?", "gpt", "Yes.");
    }

    private static String object(String id, String image, String fields, String... turns) {
        String conversation = IntStream.iterate(0, i -> i < turns.length, i -> i + 2)
                .mapToObj(i -> "{\"from\": \"" + turns[i] + "\", \"value\": \"" + turns[i + 1] + "\"}")
                .collect(Collectors.joining(", "));
        return "{\"id\": \"" + id + "\", \"image\": \"" + image + "\"" + fields + ", \"conversations\": ["
                + conversation + "]}";
    }

    @Test
    void everyQuestionIsASampleOfItsOwn() throws IOException {
        InstructionSet set = read("["
                + entry(
                        "7",
                        "a.png",
                        "human",
                        "<image>\\nReal or spoof ?",
                        "gpt",
                        "A spoof.",
                        "human",
                        "Why ?",
                        "gpt",
                        "Edges.")
                + ", " + entry("8", "w/c.png", "user", "Real ? <image>", "assistant", " Real. ") + "]");

        assertThat(problems.isEmpty()).isTrue();
        assertThat(set.name()).isEqualTo("sft");
        assertThat(set.samples()).extracting(Instruction::id).containsExactly("7", "7#2", "8");
        assertThat(set.samples()).extracting(Instruction::number).containsExactly(0L, 1L, 2L);
        assertThat(set.samples())
                .extracting(Instruction::question)
                .containsExactly("Real or spoof ?", "Why ?", "Real ?");
        assertThat(set.samples()).extracting(Instruction::answer).containsExactly("A spoof.", "Edges.", "Real.");
        assertThat(set.samples().getLast().picture()).isEqualTo(images.resolve("w/c.png"));
    }

    @Test
    void linesAreReadAsWell() throws IOException {
        InstructionSet set = read(entry("1", "a.png", "human", "Q", "gpt", "A") + "\n\n{broken\n"
                + entry("2", "b.png", "human", "Q", "gpt", "B") + "\n");

        assertThat(set.samples()).extracting(Instruction::answer).containsExactly("A", "B");
        assertThat(problems.of(Problem.MALFORMED_ENTRY)).containsExactly("line 3: not valid JSON");
    }

    @Test
    void whatIsWrongIsCountedAndNamedAndTheRestIsUsed() throws IOException {
        InstructionSet set = read("["
                + String.join(
                        ",",
                        entry("gone", "z.png", "human", "Q", "gpt", "A"),
                        "{\"id\": \"bare\", \"conversations\": [{\"from\": \"human\", \"value\": \"Q\"}]}",
                        "{\"id\": \"none\", \"image\": \"a.png\"}",
                        entry("mute", "a.png", "human", "Q", "gpt", " ", "human", "Q", "gpt", "A"),
                        entry("who", "a.png", "robot", "Q", "gpt", "A"),
                        entry("odd", "a.png", "human", "Q", "human", "Q"),
                        entry("half", "a.png", "human", "Q", "gpt", "A", "human", "Q"),
                        entry("box", "a.png", "human", "Q", "gpt", "It is at [ 1.0 2.0 3.0 ]."),
                        entry("flat", "a.png", "human", "Q", "gpt", "It is at [ 9 2 3 8 ]."),
                        entry("nan", "a.png", "human", "Q", "gpt", "It is at [ nan 2 3 8 ]."),
                        entry("fine", "a.png", "human", "Q", "gpt", "It is at [ 1.5, 2, 3, 8 ] [sic]."),
                        withFields("field", "a.png", ", \"box\": [1, 2, 3]"),
                        withFields("label", "a.png", ", \"label\": \"unsure\""),
                        withFields("both", "a.png", ", \"label\": \"real\", \"attack\": \"print\""))
                + "]");

        assertThat(set.samples()).extracting(Instruction::id).containsExactly("mute#2", "half", "fine");
        assertThat(set.samples()).extracting(Instruction::number).containsExactly(4L, 7L, 12L);
        assertThat(problems.count()).isEqualTo(13);
        assertThat(problems.summary())
                .containsExactly(
                        "left out, malformed entry: 3 (none: no list of conversations; label: label 'unsure', expected"
                                + " bonafide, live, real or 1, or attack, spoof, fake or 0; both: attack 'print' with a"
                                + " bona fide label)",
                        "left out, unknown role: 1 (who: from robot, expected human or gpt)",
                        "left out, turn without its counterpart: 2 (odd: expected human and gpt in turn; half#2: expected"
                                + " human and gpt in turn)",
                        "left out, empty answer: 1 (mute)",
                        "left out, broken box: 4 (box: It is at [ 1.0 2.0 3.0 ].; flat: It is at [ 9 2 3 8 ].; nan: It is"
                                + " at [ nan 2 3 8 ].; field: box [1,2,3], expected [x1, y1, x2, y2])",
                        "left out, missing picture: 2 (gone: z.png; bare: no image is named)");
        assertThat(problems.rows()).hasSize(13).contains(List.of("empty answer", "mute"));
    }

    @Test
    void longListsOfProblemsAreCutInTheSummaryOnly() {
        for (int i = 0; i < 7; i++) {
            problems.add(Problem.EMPTY_ANSWER, "e" + i);
        }
        assertThat(problems.summary()).containsExactly("left out, empty answer: 7 (e0; e1; e2; e3; e4; and 2 more)");
        assertThat(problems.rows()).hasSize(7);
    }

    @Test
    void fieldsTellTheTruth() throws IOException {
        InstructionSet set = read("["
                + String.join(
                        ",",
                        withFields("1", "a.png", ", \"label\": \"spoof\", \"attack\": \"Print\", \"domain\": \"W\""),
                        withFields(
                                "2", "b.png", ", \"label\": \"bonafide\", \"attack\": \"none\", \"task\": \"coarse\""),
                        withFields("3", "w/c.png", ", \"attack\": \"Replay\", \"box\": \"[ 1.0 2.0 3.0 4.5 ]\""))
                + "]");

        Truth first = set.samples().get(0).truth();
        assertThat(first.bonaFide()).contains(false);
        assertThat(first.attack()).contains("Print");
        assertThat(first.domain()).isEqualTo("W");
        Truth second = set.samples().get(1).truth();
        assertThat(second.bonaFide()).contains(true);
        assertThat(second.attack()).isEmpty();
        assertThat(second.task()).contains("coarse");
        Truth third = set.samples().get(2).truth();
        assertThat(third.bonaFide()).contains(false);
        assertThat(third.box().orElseThrow().y2()).isEqualTo(4.5);
    }

    @Test
    void whatIsNoListIsRefused() throws IOException {
        assertThatThrownBy(() -> read("[{\"id\": 1},\n {]"))
                .isInstanceOf(DataException.class)
                .hasMessageStartingWith(folder.resolve("sft.json") + ", line 2: not valid JSON (");
        assertThatThrownBy(() -> read("no JSON\nat all"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("holds no JSON objects");
        assertThatThrownBy(() -> InstructionFile.read(folder.resolve("none.json"), images, problems))
                .isInstanceOf(DataException.class)
                .hasMessage(folder.resolve("none.json") + ": there is no such file");
        Path nowhere = folder.resolve("nowhere");
        assertThatThrownBy(() -> InstructionFile.read(folder.resolve("sft.json"), nowhere, problems))
                .isInstanceOf(DataException.class)
                .hasMessageStartingWith(nowhere + ": is no folder");
    }

    @Test
    void picturesAreHeldOutWithAllTheirQuestions() {
        List<Instruction> samples = IntStream.range(0, 60)
                .mapToObj(i -> {
                    int picture = i / 3;
                    boolean attack = picture % 2 == 1;
                    Truth truth = new Truth(
                            Optional.of(!attack),
                            attack ? Optional.of("print") : Optional.empty(),
                            Optional.empty(),
                            Optional.empty(),
                            "W");
                    return new Instruction(
                            "" + i, i, picture + ".png", Path.of(picture + ".png"), "Q" + i % 3, "A", truth);
                })
                .toList();
        InstructionSet all = new InstructionSet("all", samples);

        InstructionSet.HeldOut parts = all.heldOut(0.2, 42);

        assertThat(parts.development().size()).isEqualTo(12);
        assertThat(parts.train().size()).isEqualTo(48);
        assertThat(parts.development().firstOfEachPicture())
                .hasSize(4)
                .filteredOn(s -> s.truth().bonaFide().orElseThrow())
                .hasSize(2);
        assertThat(parts.train().samples())
                .extracting(Instruction::image)
                .doesNotContainAnyElementsOf(parts.development().samples().stream()
                        .map(Instruction::image)
                        .toList());
        assertThat(all.heldOut(0.2, 42)).isEqualTo(parts);
        assertThat(all.heldOut(0.2, 43)).isNotEqualTo(parts);
        assertThat(parts.train().fingerprint()).isNotEqualTo(all.fingerprint());
        assertThatThrownBy(() -> new InstructionSet("one", samples.subList(0, 3)).heldOut(0.2, 1))
                .isInstanceOf(DataException.class)
                .hasMessageStartingWith("one: 3 samples cannot be divided");
    }
}
