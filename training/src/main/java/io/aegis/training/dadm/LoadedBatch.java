package io.aegis.training.dadm;

import io.aegis.image.DadmPictures;
import io.aegis.kernels.DType;
import io.aegis.models.dadm.Labels;
import io.aegis.models.dadm.Modality;
import io.aegis.tensor.Tensor;
import io.aegis.training.data.BatchPlan;
import io.aegis.training.data.Domains;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Pictures of one batch as a loader thread leaves them, in plain arrays; the thread that computes makes tensors of them.
 *
 * @param plan which samples these are
 * @param pictures one array a modality, [B, 3, S, S] row by row
 * @param composite infrared, HOG and PLGF as the three channels of one picture, [B, 3, S, S]; null when not asked for
 * @param size S
 */
record LoadedBatch(BatchPlan plan, float[][] pictures, float[] composite, int size) {
    /** Joins the samples of a plan. */
    static LoadedBatch of(BatchPlan plan, List<DadmPictures> samples, int size) {
        int one = 3 * size * size;
        boolean descriptors = samples.getFirst().hog().isPresent();
        float[][] pictures = new float[Modality.COUNT][one * samples.size()];
        float[] composite = descriptors ? new float[one * samples.size()] : null;
        for (int i = 0; i < samples.size(); i++) {
            DadmPictures s = samples.get(i);
            float[] infrared = s.x3();
            System.arraycopy(s.x1(), 0, pictures[0], i * one, one);
            System.arraycopy(s.x2(), 0, pictures[1], i * one, one);
            System.arraycopy(infrared, 0, pictures[2], i * one, one);
            if (descriptors) {
                int channel = size * size;
                System.arraycopy(infrared, 0, composite, i * one, channel);
                System.arraycopy(s.x3Hog(), 0, composite, i * one + channel, channel);
                System.arraycopy(s.x3Plgf(), 0, composite, i * one + 2 * channel, channel);
            }
        }
        return new LoadedBatch(plan, pictures, composite, size);
    }

    /** The three modalities, [B, 3, S, S] each, in the current scope. */
    Tensor[] tensors() {
        return new Tensor[] {tensor(pictures[0]), tensor(pictures[1]), tensor(pictures[2])};
    }

    /** All that a training step needs, in the current scope. */
    Batch batch(Domains domains) {
        long[] live =
                plan.rows().stream().mapToLong(r -> r.sample().label().number()).toArray();
        long[] prototype = plan.rows().stream()
                .mapToLong(r -> domains.prototype(r.sample()))
                .toArray();
        long[] domain = plan.rows().stream()
                .mapToLong(r -> domains.position(r.sample()))
                .toArray();
        return new Batch(
                tensors(),
                composite == null ? null : tensor(composite),
                new Labels(live, prototype, domain),
                Tensor.of(plan.identities(), plan.size()));
    }

    private Tensor tensor(float[] values) {
        Tensor t = Tensor.empty(DType.F32, plan.size(), 3, size, size);
        MemorySegment.copy(values, 0, t.view().segment(), ValueLayout.JAVA_FLOAT, 0, values.length);
        return t;
    }
}
