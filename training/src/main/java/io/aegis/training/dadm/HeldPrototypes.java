package io.aegis.training.dadm;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Loss;
import io.aegis.kernels.View;
import io.aegis.models.dadm.Labels;
import io.aegis.models.dadm.Modality;
import io.aegis.models.dadm.Prototypes;
import io.aegis.models.dadm.Recipe;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * The prototypes between steps, where kernels change them; the host counts which classes have been seen. What {@link Prototypes} computes,
 * to the bit where kernels are those of the processor.
 */
final class HeldPrototypes implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    /** F64 [modalities, classes, D]. */
    private final View state;
    /** Null before the first step. */
    private boolean[] seen;

    /**
     * None yet.
     *
     * @param width D
     */
    HeldPrototypes(int classes, int width) {
        long elements = (long) Modality.COUNT * classes * width;
        Buffer buffer = Buffer.allocate(arena, elements * DType.F64.bytes());
        state = View.of(buffer, DType.F64, Modality.COUNT, classes, width);
    }

    /** As they are; null before the first step. */
    Prototypes get() {
        if (seen == null) {
            return null;
        }
        double[][] values = new double[Modality.COUNT][];
        Arrays.setAll(values, k -> state.select(0, k).toDoubles());
        return Prototypes.of(values, seen, (int) state.size(2));
    }

    /** Continues from others; null for none. */
    void restore(Prototypes stored) {
        seen = stored == null ? null : stored.present();
        for (int k = 0; stored != null && k < Modality.COUNT; k++) {
            double[] values = stored.values(k);
            View own = state.select(0, k);
            for (int i = 0; i < values.length; i++) {
                own.setAt(own.offset() + i, values[i]);
            }
        }
    }

    /** Whether the next ones are mixed with these: from the second epoch on, as far as there are any. */
    boolean hasMomentum(long epoch) {
        return epoch > 0 && seen != null;
    }

    /** Counts which classes a batch has, beside {@link #update}. */
    void saw(Labels labels, boolean momentum) {
        if (!momentum) {
            seen = new boolean[(int) state.size(1)];
        }
        for (long c : labels.prototype()) {
            seen[(int) c] = true;
        }
    }

    /**
     * Launches the next ones.
     *
     * @param features in evaluation, [B, D] a modality
     * @param classes I64 [B]
     * @param momentum I64 [1], 0 where those before do not count
     * @return [classes, D] a modality, of the features' dtype, in the current scope
     */
    Tensor[] update(Tensor[] features, Tensor classes, Tensor momentum, Recipe recipe) {
        Tensor rounded = Tensor.empty(features[0].dtype(), state.shape());
        Loss.PrototypesOf of = new Loss.PrototypesOf(
                Stream.of(features).map(Tensor::view).toList(),
                classes.view(),
                momentum.view(),
                recipe.swapPrototypeMomentum(),
                recipe.keepAbsentPrototypes());
        Scope.current().kernels().loss().prototypes(of, state, rounded.view());
        Tensor[] each = new Tensor[Modality.COUNT];
        Arrays.setAll(each, k -> Tensor.wrap(rounded.view().select(0, k), false));
        return each;
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            state.buffer().discardMirror();
            arena.close();
        }
    }
}
