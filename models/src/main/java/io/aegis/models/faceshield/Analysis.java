package io.aegis.models.faceshield;

import io.aegis.models.DecisionThreshold;
import io.aegis.models.llama.GenerationOptions;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/** Questions to a model about one picture, and the verdict that its answers make. */
final class Analysis {
    private final FaceShield shield;
    private final Examination examination;
    private final GenerationOptions options;
    private final int together;
    private final AnswerListener listener;
    private final BooleanSupplier cancelled;
    private final Map<FaceTask, String> answers = new EnumMap<>(FaceTask.class);
    private final Map<FaceTask, Selection> selections = new EnumMap<>(FaceTask.class);
    private Timings timings;

    Analysis(
            FaceShield shield,
            Examination examination,
            GenerationOptions options,
            int together,
            AnswerListener listener,
            BooleanSupplier cancelled) {
        this.shield = shield;
        this.examination = examination;
        this.options = options;
        this.together = together;
        this.listener = listener;
        this.cancelled = cancelled;
        timings = new Timings(examination.visionSeconds(), 0, 0, 0, 0);
    }

    Verdict of(Set<FaceTask> tasks) {
        ForcedScores scores = tasks.contains(FaceTask.COARSE) ? coarse() : examination.score();
        Verdict.Basis basis = basis();
        boolean bonaFide = decide(basis, scores);
        List<FaceTask> rest = new ArrayList<>();
        for (FaceTask task : FaceTask.values()) {
            boolean pointless = task == FaceTask.LOCATE && bonaFide && tasks.size() > 1;
            if (tasks.contains(task) && task != FaceTask.COARSE && !pointless) {
                rest.add(task);
            }
        }
        ask(rest);
        String fine = answers.get(FaceTask.FINE);
        String located = answers.get(FaceTask.LOCATE);
        return new Verdict(
                bonaFide,
                basis,
                scores.probability(),
                scores.score(),
                fine == null ? Optional.empty() : AnswerParser.attackType(fine),
                located == null
                        ? new BoxReading.Missing()
                        : shield.config().options().boxes().read(located, examination.width(), examination.height()),
                answers,
                selections,
                timings);
    }

    private ForcedScores coarse() {
        listener.asks(FaceTask.COARSE, question(FaceTask.COARSE));
        Examination.Coarse coarse =
                examination.coarse(options, text -> listener.says(FaceTask.COARSE, text), cancelled);
        heard(FaceTask.COARSE, coarse.reply());
        listener.ends(FaceTask.COARSE);
        return coarse.scores();
    }

    private void ask(List<FaceTask> tasks) {
        List<String> questions = tasks.stream().map(this::question).toList();
        AnswersListener each = new AnswersListener() {
            @Override
            public void asks(int i) {
                listener.asks(tasks.get(i), questions.get(i));
            }

            @Override
            public void says(int i, String text) {
                listener.says(tasks.get(i), text);
            }

            @Override
            public void ends(int i) {
                listener.ends(tasks.get(i));
            }
        };
        List<Reply> replies = examination.ask(questions, options, together, each, cancelled);
        for (int i = 0; i < replies.size(); i++) {
            heard(tasks.get(i), replies.get(i));
        }
    }

    private String question(FaceTask task) {
        return shield.config().options().prompts().question(task);
    }

    private void heard(FaceTask task, Reply reply) {
        if (reply.generation().isCancelled()) {
            throw new CancellationException("cancelled while the question '" + reply.question() + "' was answered");
        }
        answers.put(task, reply.text());
        selections.put(task, reply.selection());
        timings = timings.plus(reply.timings());
    }

    private Verdict.Basis basis() {
        if (shield.threshold().isPresent()) {
            return Verdict.Basis.THRESHOLD;
        }
        return said().isPresent() ? Verdict.Basis.ANSWER : Verdict.Basis.SCORE;
    }

    private Optional<Boolean> said() {
        return Optional.ofNullable(answers.get(FaceTask.COARSE)).flatMap(AnswerParser::bonaFide);
    }

    private boolean decide(Verdict.Basis basis, ForcedScores scores) {
        return switch (basis) {
            case THRESHOLD ->
                shield.threshold()
                        .map((DecisionThreshold t) -> t.accepts(scores.score()))
                        .orElseThrow();
            case ANSWER -> said().orElseThrow();
            case SCORE -> scores.score() >= 0;
        };
    }
}
