package io.aegis.training.faceshield;

import io.aegis.layers.Pass;
import io.aegis.models.faceshield.Draw;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.models.faceshield.MaskingMode;
import io.aegis.models.faceshield.Scoring;
import io.aegis.models.faceshield.VisionTokens;
import io.aegis.tensor.Scope;
import io.aegis.training.Lanes;
import io.aegis.training.metrics.Sample;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Split;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/** What a development set says of a network as it is: the loss of its answers, and scores of its faces. */
final class DevelopmentExam {
    private final FaceShieldNetwork network;
    private final Eyes eyes;
    private final List<Lesson> lessons;
    private final List<ScoredFace> faces;
    private final Lanes lanes;

    /**
     * A face whose label is known.
     *
     * @param source a question about it, which need not be the one it is scored by
     * @param real prompt and canonical answer that calls it bona fide
     * @param spoof the same with the other answer
     */
    record ScoredFace(Instruction source, Lesson real, Lesson spoof) {
        /** Scored at the first difference, both answers end there: what goes before is the same. */
        static ScoredFace of(Instruction source, Lesson real, Lesson spoof, Scoring scoring) {
            int difference = Arrays.mismatch(real.targets(), spoof.targets());
            boolean whole = scoring == Scoring.ANSWERS
                    || difference < 0
                    || difference == Math.min(real.tokens(), spoof.tokens());
            return whole
                    ? new ScoredFace(source, real, spoof)
                    : new ScoredFace(source, real.cut(difference + 1), spoof.cut(difference + 1));
        }
    }

    DevelopmentExam(FaceShieldNetwork network, Eyes eyes, List<Lesson> lessons, List<ScoredFace> faces, Lanes lanes) {
        this.network = network;
        this.eyes = eyes;
        this.lessons = List.copyOf(lessons);
        this.faces = List.copyOf(faces);
        this.lanes = lanes;
    }

    /** Mean loss of all answer tokens. */
    double loss() {
        double[] losses = each(lessons, l -> loss(l) * l.tokens());
        double sum = 0;
        for (double loss : losses) {
            sum += loss;
        }
        return sum / lessons.stream().mapToLong(Lesson::tokens).sum();
    }

    /** Scores of the faces; empty unless both classes are there. */
    Optional<Scores> scores() {
        boolean live = faces.stream().anyMatch(f -> f.source.truth().bonaFide().orElseThrow());
        boolean attacks =
                faces.stream().anyMatch(f -> !f.source.truth().bonaFide().orElseThrow());
        if (!live || !attacks) {
            return Optional.empty();
        }
        double[] scores = each(faces, f -> loss(f.spoof) * f.spoof.tokens() - loss(f.real) * f.real.tokens());
        List<Sample> samples = new ArrayList<>();
        for (int i = 0; i < scores.length; i++) {
            samples.add(FaceShieldEvaluator.sample(faces.get(i).source, scores[i]));
        }
        return Optional.of(new Scores("development", Split.DEVELOPMENT, samples));
    }

    private <T> double[] each(List<T> items, ToDoubleFunction<T> value) {
        double[] out = new double[items.size()];
        lanes.run(lane -> {
            for (int i = lane; i < out.length; i += lanes.count()) {
                out[i] = value.applyAsDouble(items.get(i));
            }
        });
        return out;
    }

    private double loss(Lesson lesson) {
        try (Scope scope = Scope.open()) {
            MaskingMode mode = network.config().options().pvtm().inference();
            VisionTokens vision = network.vision(
                    eyes.features(lesson.source().picture()),
                    lesson.question(),
                    mode,
                    new Draw(0, 0, lesson.source().number()));
            return network.loss(network.sequence(lesson.prompt(), vision), lesson.targets(), Pass.EVALUATION, false)
                    .item();
        }
    }
}
