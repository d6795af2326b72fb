package io.aegis.cli.demo;

import io.aegis.image.Box;
import io.aegis.image.Corners;
import io.aegis.image.Image;
import io.aegis.models.faceshield.AnswerParser;
import io.aegis.models.faceshield.AttackType;
import io.aegis.models.faceshield.BoxReading;
import io.aegis.models.faceshield.Examination;
import io.aegis.models.faceshield.FaceShield;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.training.metrics.ConfusionMatrix;
import io.aegis.training.metrics.Decision;
import io.aegis.training.metrics.HardEvaluation;
import io.aegis.training.metrics.Localization;
import io.aegis.training.synthetic.SyntheticFace;
import io.aegis.training.synthetic.instruction.SyntheticInstructions;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * What a FaceShield says of faces that it has never seen, by its own words.
 *
 * @param coarse real or spoof
 * @param fine which attack
 * @param reasoning real or spoof, by the conclusion of a reasoned answer
 * @param boxes where partial attacks are; empty when none was drawn
 */
record FaceShieldExam(
        HardEvaluation coarse, ConfusionMatrix fine, HardEvaluation reasoning, Optional<Localization> boxes) {
    /** One face's answers. */
    private record Sheet(
            AttackType truth,
            Decision coarse,
            Optional<AttackType> fine,
            Decision reasoned,
            Optional<Localization.Answer> box) {}

    /**
     * Asks all questions about each face; the place of partial attacks only.
     *
     * @param name of the set
     * @param faces a face by its number, from any thread
     */
    static FaceShieldExam of(String name, FaceShield shield, int count, IntFunction<SyntheticFace> faces) {
        List<Sheet> sheets = IntStream.range(0, count)
                .parallel()
                .mapToObj(i -> sheet(shield, faces.apply(i)))
                .toList();
        List<Localization.Answer> boxes =
                sheets.stream().flatMap(s -> s.box.stream()).toList();
        List<AttackType> classes = List.of(AttackType.values());
        int[][] counts = new int[classes.size()][classes.size() + 1];
        for (Sheet s : sheets) {
            counts[s.truth.ordinal()][s.fine.map(Enum::ordinal).orElse(classes.size())]++;
        }
        List<String> titles = classes.stream().map(AttackType::title).toList();
        return new FaceShieldExam(
                HardEvaluation.of(name, sheets.stream().map(Sheet::coarse).toList()),
                new ConfusionMatrix(name, titles, counts),
                HardEvaluation.of(name, sheets.stream().map(Sheet::reasoned).toList()),
                boxes.isEmpty() ? Optional.empty() : Optional.of(Localization.of(name, boxes)));
    }

    private static Sheet sheet(FaceShield shield, SyntheticFace face) {
        try (Examination examination = shield.examine(picture(face))) {
            AttackType truth = SyntheticInstructions.type(face.attack());
            String coarse = ask(shield, examination, FaceTask.COARSE);
            String fine = ask(shield, examination, FaceTask.FINE);
            String reason = ask(shield, examination, FaceTask.REASON);
            return new Sheet(
                    truth,
                    decision(face, truth, AnswerParser.bonaFide(coarse)),
                    AnswerParser.attackType(fine),
                    decision(face, truth, AnswerParser.conclusion(reason)),
                    SyntheticInstructions.isPartial(face.attack())
                            ? Optional.of(located(shield, face, ask(shield, examination, FaceTask.LOCATE)))
                            : Optional.empty());
        }
    }

    private static String ask(FaceShield shield, Examination examination, FaceTask task) {
        return examination
                .ask(shield.config().options().prompts().question(task))
                .text();
    }

    private static Decision decision(SyntheticFace face, AttackType truth, Optional<Boolean> bonaFide) {
        return new Decision(
                truth.isBonaFide(),
                truth.title(),
                face.domain().name(),
                bonaFide.map(b -> b ? Decision.Answer.BONA_FIDE : Decision.Answer.ATTACK)
                        .orElse(Decision.Answer.NONE));
    }

    private static Localization.Answer located(FaceShield shield, SyntheticFace face, String answer) {
        Box box = face.covered();
        Corners truth = new Corners(box.x(), box.y(), box.x() + box.width(), box.y() + box.height());
        BoxReading read = shield.config().options().boxes().read(answer, face.size(), face.size());
        return read instanceof BoxReading.Found found
                ? new Localization.Answer(truth, Optional.of(found.corners()), found.repaired())
                : new Localization.Answer(truth, Optional.empty(), false);
    }

    /** The colour picture. */
    static Image picture(SyntheticFace face) {
        return Image.of(face.size(), face.size(), 3, face.rgb());
    }
}
