package io.aegis.models.faceshield;

import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What FaceShield says of a face.
 *
 * @param bonaFide the decision
 * @param basis what it rests on
 * @param probability that the face is bona fide, in [0, 1]: 1 / (1 + exp(-score))
 * @param score log P(real) - log P(spoof) of the two canonical answers (see {@link Scoring})
 * @param attackType the class that the model names; empty when it names none that is known
 * @param box where the attack is, in pixels of the picture as given
 * @param answers what the model said, by task; tasks that were not asked are absent
 * @param selections what the ranking of vision tokens gave for each of those questions
 * @param timings how long it took
 */
public record Verdict(
        boolean bonaFide,
        Basis basis,
        double probability,
        double score,
        Optional<AttackType> attackType,
        BoxReading box,
        Map<FaceTask, String> answers,
        Map<FaceTask, Selection> selections,
        Timings timings) {
    /** What a decision rests on. */
    public enum Basis {
        /** The score, at the threshold that came with the weights. */
        THRESHOLD,
        /** The model's answer, there being no threshold. */
        ANSWER,
        /** Which canonical answer is likelier, there being no threshold and no answer that is understood. */
        SCORE
    }

    public Verdict {
        answers = copy(answers);
        selections = copy(selections);
    }

    private static <V> Map<FaceTask, V> copy(Map<FaceTask, V> map) {
        Map<FaceTask, V> out = new EnumMap<>(FaceTask.class);
        out.putAll(map);
        return Collections.unmodifiableMap(out);
    }

    /** Why, in the model's words; empty when it was not asked. */
    public String reasons() {
        return answers.getOrDefault(FaceTask.REASON, "").strip();
    }

    /** {@code bona fide} or {@code attack}. */
    public String decision() {
        return bonaFide ? "bona fide" : "attack";
    }

    /** The tasks that were asked, in order. */
    public List<FaceTask> tasks() {
        return List.copyOf(answers.keySet());
    }
}
