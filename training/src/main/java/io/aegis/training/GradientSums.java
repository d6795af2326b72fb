package io.aegis.training;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Gradients of several micro-batches on their way to one update, which takes their mean ({@link #complete}, {@link #drain})
 * or their {@link #sums}: a parameter that some of them do not reach has zeros there. Memory is taken when the first gradient is added and kept for the next update.
 */
public final class GradientSums implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final Map<Parameter, View> memory = new HashMap<>();
    private final Map<Parameter, View> sums = new LinkedHashMap<>();
    private int batches;

    /** Whether no micro-batch was added since the last update. */
    public boolean isEmpty() {
        return batches == 0;
    }

    /** Adds one gradient of a micro-batch; inside a scope. */
    public void add(Parameter p, Tensor gradient) {
        View sum = sums.get(p);
        if (sum == null) {
            sum = memory.computeIfAbsent(p, this::like);
            elementwise().copy(gradient.view(), sum);
            sums.put(p, sum);
        } else {
            elementwise().addScaled(gradient.view(), 1, sum);
        }
    }

    /** Says that all gradients of a micro-batch were added. */
    public void endBatch() {
        batches++;
    }

    /** Makes the gradient of the last micro-batch the mean of all of them, in place; inside a scope. */
    public void complete(Parameter p, Tensor gradient) {
        if (batches > 0) {
            View sum = sums.remove(p);
            if (sum != null) {
                elementwise().addScaled(sum, 1, gradient.view());
            }
            elementwise().affine(gradient.view(), 1.0 / (batches + 1), 0, gradient.view());
        }
    }

    /** Hands on the means of those parameters that the last micro-batch did not reach, and begins anew; inside a scope. */
    public void drain(Consumer<Map<Parameter, Tensor>> update) {
        Map<Parameter, Tensor> means = new LinkedHashMap<>();
        sums.forEach((p, sum) -> {
            elementwise().affine(sum, 1.0 / (batches + 1), 0, sum);
            means.put(p, Tensor.wrap(sum, false));
        });
        update.accept(means);
        sums.clear();
        batches = 0;
    }

    /** Adds everything that another has summed, and empties it; inside a scope. Parameters come in this one's order first. */
    public void take(GradientSums other) {
        other.sums.forEach((p, sum) -> add(p, Tensor.wrap(sum, false)));
        other.clear();
    }

    /** The sums as they are, in the order in which parameters first came; writing into them is allowed. */
    public Map<Parameter, View> sums() {
        return Collections.unmodifiableMap(sums);
    }

    /** Forgets the sums. */
    public void clear() {
        sums.clear();
        batches = 0;
    }

    private View like(Parameter p) {
        View v = p.view();
        Buffer buffer = Buffer.allocate(arena, v.elements() * v.dtype().bytes());
        return View.of(buffer, v.dtype(), 0, v.shape(), v.strides());
    }

    private static Elementwise elementwise() {
        return Scope.current().kernels().elementwise();
    }

    @Override
    public void close() {
        memory.values().forEach(v -> v.buffer().discardMirror());
        arena.close();
    }
}
