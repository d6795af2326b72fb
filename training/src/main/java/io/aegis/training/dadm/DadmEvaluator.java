package io.aegis.training.dadm;

import io.aegis.kernels.View;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.dadm.Dadm;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Modality;
import io.aegis.tensor.Scope;
import io.aegis.training.data.BatchPlan;
import io.aegis.training.data.BatchSampler;
import io.aegis.training.data.Position;
import io.aegis.training.data.Prefetcher;
import io.aegis.training.data.Split;
import io.aegis.training.metrics.Evaluation;
import io.aegis.training.metrics.Sample;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Threshold;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Scores whole sets with a DADM: pictures as they are, the common head, softmax, the probability of bona fide.
 *
 * <pre>{@code
 * try (Dadm dadm = Dadm.load(Path.of("run/best"))) {
 *     Scores scores = DadmEvaluator.of(dadm, SampleSource.FILES, 2).scores(test, Split.TEST, Set.of());
 *     Evaluation all = Evaluation.of(scores, DadmEvaluator.threshold(dadm.threshold().orElseThrow()));
 *     PaperProtocol asPublished = PaperProtocol.of(scores);
 * }
 * }</pre>
 */
public final class DadmEvaluator {
    /** Samples that go through the network at once; it bounds memory. */
    private static final int BATCH = 16;

    private final DadmNetwork network;
    private final SampleSource source;
    private final int threads;

    /**
     * @param network whose weights are used as they are when scores are asked for
     * @param threads that load pictures, at least 1
     */
    public DadmEvaluator(DadmNetwork network, SampleSource source, int threads) {
        this.network = network;
        this.source = source;
        this.threads = threads;
    }

    /** Scores with a loaded model, which must stay open. */
    public static DadmEvaluator of(Dadm dadm, SampleSource source, int threads) {
        return new DadmEvaluator(dadm.network(), source, threads);
    }

    /** A model's threshold as metrics take it. */
    public static Threshold threshold(DecisionThreshold stored) {
        return new Threshold(stored.value(), stored.origin());
    }

    /**
     * The score of every sample of a set, in its order.
     *
     * @param use what the set may be used for
     * @param missing modalities that are taken as missing from every sample; those that a sample lacks are anyway
     * @throws io.aegis.training.data.DataException for an empty set, a sample with nothing left, or a picture that
     *     cannot be read
     */
    public Scores scores(Split split, io.aegis.training.metrics.Split use, Set<Modality> missing) {
        int size = network.config().image();
        BatchSampler sampler = new BatchSampler(split, BatchSampler.Options.evaluation(BATCH), 0);
        DadmBatches batches = new DadmBatches(new SampleReader(source, size, missing, null), size);
        List<Sample> scored = new ArrayList<>(split.size());
        try (Prefetcher<LoadedBatch> ahead = batches.ahead(sampler.batches(Position.START, 1), threads)) {
            while (ahead.hasNext()) {
                LoadedBatch batch = ahead.next().value();
                double[] scores = scores(batch);
                for (int i = 0; i < scores.length; i++) {
                    scored.add(sample(batch.plan().rows().get(i), scores[i]));
                }
            }
        }
        return new Scores(split.name(), use, scored);
    }

    private double[] scores(LoadedBatch batch) {
        try (Scope scope = Scope.open()) {
            View logits = network.forward(batch.tensors(), Pass.EVALUATION, null, Probe.NONE)
                    .logits()
                    .view();
            double[] scores = new double[(int) logits.size(0)];
            for (int i = 0; i < scores.length; i++) {
                scores[i] = 1 / (1 + Math.exp(logits.get(i, 0) - logits.get(i, 1)));
            }
            return scores;
        }
    }

    private static Sample sample(BatchPlan.Row row, double score) {
        io.aegis.training.data.Sample s = row.sample();
        return new Sample(s.id(), score, s.bonaFide(), s.attack(), s.domain());
    }

    /** A set at the model's own threshold. */
    public static Evaluation evaluate(Scores scores, DecisionThreshold threshold) {
        return Evaluation.of(scores, threshold(threshold));
    }
}
