package io.aegis.training.faceshield;

import io.aegis.models.faceshield.AnswerParser;
import io.aegis.models.faceshield.AttackType;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.models.faceshield.PromptSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** What questions are about, and what the pictures of a set show: by their fields, or else by their reference answers. */
final class Questions {
    private Questions() {}

    /**
     * What a question is about: by its field, by being one of the model's own, or by its words; empty for one of another
     * kind.
     */
    static Optional<FaceTask> task(Instruction s, PromptSet prompts) {
        Optional<FaceTask> told = s.truth().task().flatMap(Questions::named);
        if (told.isPresent()) {
            return told;
        }
        for (FaceTask task : FaceTask.values()) {
            if (prompts.question(task).equals(s.question())) {
                return Optional.of(task);
            }
        }
        String q = s.question().toLowerCase(Locale.ROOT);
        if (q.matches(".*\\b(why|explain|reasons?)\\b.*")) {
            return Optional.of(FaceTask.REASON);
        }
        if (q.matches(".*\\b(where|locate|location|area|region|box)\\b.*")) {
            return Optional.of(FaceTask.LOCATE);
        }
        if (q.matches(".*\\b(what|which)\\b.*\\b(type|kind|attack)\\b.*")) {
            return Optional.of(FaceTask.FINE);
        }
        return q.matches(".*\\b(real|spoof|fake|live|bona ?fide)\\b.*")
                ? Optional.of(FaceTask.COARSE)
                : Optional.empty();
    }

    private static Optional<FaceTask> named(String text) {
        String name = text.toLowerCase(Locale.ROOT);
        return Arrays.stream(FaceTask.values())
                .filter(t -> name.startsWith(t.title()) || t == FaceTask.LOCATE && name.startsWith("locali"))
                .findFirst();
    }

    /** The class that a field or an answer means. */
    static Optional<AttackType> attackType(String text) {
        return AnswerParser.attackType(text.replace('_', ' '));
    }

    /** The set with what is known of a picture by any of its questions told of all of them. */
    static InstructionSet completed(InstructionSet set, PromptSet prompts) {
        Map<String, Truth> known = new HashMap<>();
        set.samples().forEach(s -> known.merge(s.image(), told(s, prompts), Questions::joined));
        List<Instruction> samples = new ArrayList<>();
        for (Instruction s : set.samples()) {
            Truth all = known.get(s.image());
            Truth truth =
                    new Truth(all.bonaFide(), all.attack(), all.box(), s.truth().task(), all.domain());
            samples.add(new Instruction(s.id(), s.number(), s.image(), s.picture(), s.question(), s.answer(), truth));
        }
        return new InstructionSet(set.name(), samples);
    }

    private static Truth joined(Truth a, Truth b) {
        return new Truth(
                a.bonaFide().or(b::bonaFide),
                a.attack().or(b::attack),
                a.box().or(b::box),
                Optional.empty(),
                a.domain().isEmpty() ? b.domain() : a.domain());
    }

    private static Truth told(Instruction s, PromptSet prompts) {
        Truth t = s.truth();
        Optional<FaceTask> task = task(s, prompts);
        Optional<AttackType> type =
                task.filter(k -> k == FaceTask.FINE).flatMap(_ -> AnswerParser.attackType(s.answer()));
        Optional<Boolean> decision = task.flatMap(k -> switch (k) {
            case COARSE -> AnswerParser.bonaFide(s.answer());
            case REASON -> AnswerParser.conclusion(s.answer());
            case FINE -> type.map(AttackType::isBonaFide);
            case LOCATE -> Optional.empty();
        });
        Optional<Boolean> bonaFide = t.bonaFide().or(() -> decision);
        Optional<String> attack = t.attack()
                .or(() -> type.filter(a -> !a.isBonaFide()).map(AttackType::title))
                .filter(_ -> !bonaFide.orElse(false));
        return new Truth(bonaFide, attack, t.box(), t.task(), t.domain());
    }
}
