package io.aegis.training.faceshield;

import io.aegis.models.faceshield.AnswerParser;
import io.aegis.models.faceshield.AttackType;
import io.aegis.models.faceshield.BoxReading;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.training.metrics.ConfusionMatrix;
import io.aegis.training.metrics.Decision;
import io.aegis.training.metrics.Evaluation;
import io.aegis.training.metrics.HardEvaluation;
import io.aegis.training.metrics.Localization;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Threshold;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * All measures of one set, or of one domain of it; what it does not ask for is absent.
 *
 * @param name the set
 * @param coarse real or spoof, by the answers' words
 * @param scored the same by the likelihood of the two canonical answers, at a threshold from development data
 * @param fine which attack
 * @param reasoning real or spoof, by what the reasons conclude
 * @param localization where
 */
public record FaceShieldEvaluation(
        String name,
        Optional<HardEvaluation> coarse,
        Optional<Evaluation> scored,
        Optional<ConfusionMatrix> fine,
        Optional<HardEvaluation> reasoning,
        Optional<Localization> localization) {
    private static final List<String> CLASSES =
            Arrays.stream(AttackType.values()).map(AttackType::title).toList();

    /**
     * Measures answers and scores.
     *
     * @param scores of pictures, each once; empty unless both classes are there
     */
    static FaceShieldEvaluation of(String name, List<Answered> answers, Optional<Scores> scores, Threshold threshold) {
        return new FaceShieldEvaluation(
                name,
                decisions(name + ": coarse", answers, FaceTask.COARSE, AnswerParser::bonaFide),
                scores.map(s -> Evaluation.of(s, threshold)),
                fine(name, answers),
                decisions(name + ": reasoning", answers, FaceTask.REASON, AnswerParser::conclusion),
                localization(name, answers));
    }

    /** The same measures of each domain, in alphabetical order. */
    static Map<String, FaceShieldEvaluation> byDomain(
            String name, List<Answered> answers, Optional<Scores> scores, Threshold threshold) {
        Map<String, List<Answered>> parts = new TreeMap<>();
        answers.forEach(a -> parts.computeIfAbsent(a.source().truth().domain(), _ -> new ArrayList<>())
                .add(a));
        Map<String, Scores> scored = scores.map(Scores::byDomain).orElse(Map.of());
        Map<String, FaceShieldEvaluation> out = new LinkedHashMap<>();
        parts.forEach((domain, part) -> {
            Optional<Scores> own =
                    Optional.ofNullable(scored.get(domain)).filter(s -> s.bonaFide() > 0 && s.attacks() > 0);
            out.put(domain, of(name + "/" + domain, part, own, threshold));
        });
        return out;
    }

    private static Optional<HardEvaluation> decisions(
            String name, List<Answered> answers, FaceTask task, Function<String, Optional<Boolean>> parser) {
        List<Decision> decisions = new ArrayList<>();
        for (Answered a : answers) {
            Truth truth = a.source().truth();
            if (a.task() == task && truth.bonaFide().isPresent()) {
                Decision.Answer said = parser.apply(a.text())
                        .map(live -> live ? Decision.Answer.BONA_FIDE : Decision.Answer.ATTACK)
                        .orElse(Decision.Answer.NONE);
                decisions.add(
                        new Decision(truth.bonaFide().get(), truth.attack().orElse(""), truth.domain(), said));
            }
        }
        return decisions.isEmpty() ? Optional.empty() : Optional.of(HardEvaluation.of(name, decisions));
    }

    private static Optional<ConfusionMatrix> fine(String name, List<Answered> answers) {
        int n = CLASSES.size();
        int[][] counts = new int[n][n + 1];
        boolean any = false;
        for (Answered a : answers) {
            Optional<AttackType> truth = a.task() == FaceTask.FINE ? type(a.source()) : Optional.empty();
            if (truth.isPresent()) {
                int said = AnswerParser.attackType(a.text()).map(Enum::ordinal).orElse(n);
                counts[truth.get().ordinal()][said]++;
                any = true;
            }
        }
        return any ? Optional.of(new ConfusionMatrix(name + ": fine", CLASSES, counts)) : Optional.empty();
    }

    /** What the reference names, or else the field. */
    private static Optional<AttackType> type(Instruction s) {
        Truth truth = s.truth();
        return AnswerParser.attackType(s.answer())
                .or(() -> truth.bonaFide().orElse(false)
                        ? Optional.of(AttackType.BONA_FIDE)
                        : truth.attack().flatMap(Questions::attackType));
    }

    private static Optional<Localization> localization(String name, List<Answered> answers) {
        List<Localization.Answer> boxes = new ArrayList<>();
        for (Answered a : answers) {
            if (a.task() == FaceTask.LOCATE && a.truth().isPresent()) {
                boxes.add(
                        a.box() instanceof BoxReading.Found f
                                ? new Localization.Answer(a.truth().get(), Optional.of(f.corners()), f.repaired())
                                : new Localization.Answer(a.truth().get(), Optional.empty(), false));
            }
        }
        return boxes.isEmpty() ? Optional.empty() : Optional.of(Localization.of(name + ": localisation", boxes));
    }

    /** The same for machines: strings, numbers and maps of them, in a fixed order. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("name", name);
        coarse.ifPresent(e -> map.put("coarse", e.toMap()));
        scored.ifPresent(e -> map.put("scored", e.toMap()));
        fine.ifPresent(e -> map.put("fine", e.toMap()));
        reasoning.ifPresent(e -> map.put("reasoning", e.toMap()));
        localization.ifPresent(e -> map.put("localization", e.toMap()));
        return map;
    }

    /** Text tables, one below the other. */
    @Override
    public String toString() {
        List<String> tables = new ArrayList<>();
        coarse.ifPresent(e -> tables.add(e.toString()));
        scored.ifPresent(e -> tables.add(e.toString()));
        fine.ifPresent(e -> tables.add(e.toString()));
        reasoning.ifPresent(e -> tables.add(e.toString()));
        localization.ifPresent(e -> tables.add(e.toString()));
        return String.join("\n\n", tables);
    }
}
