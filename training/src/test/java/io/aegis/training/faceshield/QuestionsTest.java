package io.aegis.training.faceshield;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.image.Corners;
import io.aegis.models.faceshield.AttackType;
import io.aegis.models.faceshield.BoxReading;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.models.faceshield.PromptSet;
import io.aegis.training.metrics.Sample;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Split;
import io.aegis.training.metrics.Threshold;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuestionsTest {
    private static Instruction instruction(String image, String question, String answer, Truth truth) {
        return new Instruction(image + question, 0, image, Path.of(image), question, answer, truth);
    }

    private static Truth task(String name) {
        return new Truth(Optional.empty(), Optional.empty(), Optional.empty(), Optional.of(name), "");
    }

    @ParameterizedTest
    @CsvSource({
        "Is the face in the image real or spoof ?, COARSE",
        "What Attack Type of the face in the image ?, FINE",
        "Why the face in the image real or spoof ?, REASON",
        "Can you locate the spoof area of the face in the image ?, LOCATE",
        "Does this face look live to you?, COARSE",
        "Which kind of attack is shown?, FINE",
        "Please explain your decision., REASON",
        "Where is the spoof region?, LOCATE",
        "Who is it?,"
    })
    void whatAQuestionIsAbout(String question, FaceTask task) {
        assertThat(Questions.task(instruction("a", question, "A", Truth.NONE), PromptSet.DEFAULT))
                .isEqualTo(Optional.ofNullable(task));
    }

    @ParameterizedTest
    @CsvSource({"coarse, COARSE", "Fine, FINE", "reasoning, REASON", "localisation, LOCATE", "localization, LOCATE"})
    void aFieldDecides(String name, FaceTask task) {
        assertThat(Questions.task(instruction("a", "Is it real ?", "A", task(name)), PromptSet.DEFAULT))
                .contains(task);
    }

    @Test
    void whatOneQuestionTellsIsKnownOfThePicture() {
        InstructionSet set = Questions.completed(
                new InstructionSet(
                        "s",
                        List.of(
                                instruction("a", "Where is it?", "At [ 1 2 3 4 ].", Truth.NONE),
                                instruction("a", "Is it real or spoof ?", "The face is a spoof.", Truth.NONE),
                                instruction("a", "Which attack type is it?", "It is a replay attack.", Truth.NONE),
                                instruction("b", "Why is it real ?", "Skin. It is not a spoof.", Truth.NONE),
                                instruction("c", "Where is it?", "At [ 1 2 3 4 ].", Truth.NONE))),
                PromptSet.DEFAULT);

        assertThat(set.samples().subList(0, 3)).allSatisfy(s -> {
            assertThat(s.truth().bonaFide()).contains(false);
            assertThat(s.truth().attack()).contains(AttackType.REPLAY.title());
        });
        assertThat(set.samples().get(3).truth().bonaFide()).contains(true);
        assertThat(set.samples().get(4).truth().bonaFide()).isEmpty();
    }

    private static Answered answered(String image, FaceTask task, String text, String domain, boolean live) {
        Truth truth = new Truth(
                Optional.of(live),
                live ? Optional.empty() : Optional.of("Print"),
                Optional.empty(),
                Optional.empty(),
                domain);
        boolean where = task == FaceTask.LOCATE;
        Optional<Corners> box = where ? Optional.of(new Corners(0, 0, 10, 10)) : Optional.empty();
        BoxReading read = where && text.contains("[")
                ? new BoxReading.Found(new Corners(0, 0, 10, 8), true, false)
                : new BoxReading.Missing();
        return new Answered(
                instruction(image, "Q", live ? "It is Bonafide." : "It is a Print Attack.", truth),
                task,
                text,
                box,
                read);
    }

    /** Every measure by hand, over two domains of which one has attacks only. */
    @Test
    void answersAreMeasured() {
        List<Answered> answers = List.of(
                answered("a", FaceTask.COARSE, "The face is a real face.", "W", true),
                answered("b", FaceTask.COARSE, "The face is a spoof.", "W", false),
                answered("c", FaceTask.COARSE, "The face is a real one.", "P", false),
                answered("c", FaceTask.FINE, "It is a replay attack.", "P", false),
                answered("b", FaceTask.FINE, "It is a print attack.", "W", false),
                answered("a", FaceTask.FINE, "Nobody knows.", "W", true),
                answered("b", FaceTask.REASON, "It is real at the edges. We conclude that it is a spoof.", "W", false),
                answered("b", FaceTask.LOCATE, "[ 0 0 10 8 ]", "W", false),
                answered("c", FaceTask.LOCATE, "nowhere", "P", false));
        Scores scores = new Scores(
                "t",
                Split.TEST,
                List.of(
                        Sample.bonaFide("a", 1, "W"),
                        Sample.attack("b", -1, "Print", "W"),
                        Sample.attack("c", 0.5, "Print", "P")));
        Threshold zero = new Threshold(0, "given");

        FaceShieldEvaluation all = FaceShieldEvaluation.of("t", answers, Optional.of(scores), zero);
        Map<String, FaceShieldEvaluation> domains =
                FaceShieldEvaluation.byDomain("t", answers, Optional.of(scores), zero);

        assertThat(all.coarse().orElseThrow().accuracy()).isEqualTo(2 / 3.0);
        assertThat(all.coarse().orElseThrow().hter()).contains(0.25);
        assertThat(all.scored().orElseThrow().auc()).isEqualTo(1);
        assertThat(all.scored().orElseThrow().hter()).isEqualTo(0.25);
        assertThat(all.fine().orElseThrow().accuracy()).isEqualTo(1 / 3.0);
        assertThat(all.reasoning().orElseThrow().accuracy()).isEqualTo(1);
        assertThat(all.localization().orElseThrow().ap(0.5)).isEqualTo(0.5);
        assertThat(all.localization().orElseThrow().meanIou()).isEqualTo(0.4);
        assertThat(all.localization().orElseThrow().missing()).isEqualTo(1);
        assertThat(all.localization().orElseThrow().repaired()).isEqualTo(1);
        assertThat(domains).containsOnlyKeys("P", "W");
        assertThat(domains.get("P").scored()).as("attacks only").isEmpty();
        assertThat(domains.get("P").coarse().orElseThrow().accuracy()).isZero();
        assertThat(domains.get("W").scored().orElseThrow().auc()).isEqualTo(1);
        assertThat(DomainTable.rows(domains).getFirst())
                .startsWith("P", "0.0000", "-", "-")
                .hasSameSizeAs(DomainTable.HEADER);
        assertThat(all.toMap()).containsOnlyKeys("name", "coarse", "scored", "fine", "reasoning", "localization");
        assertThat(all.toString()).contains("t: coarse", "t: fine", "AP@50", "Print");
    }
}
