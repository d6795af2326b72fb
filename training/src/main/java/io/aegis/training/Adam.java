package io.aegis.training;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Adam (arXiv 1412.6980) with L2 regularisation added to the gradient, as PyTorch's {@code Adam}; a parameter without a
 * gradient in some step is left alone, and its own step count stands still. Owns the moments.
 */
public final class Adam implements AutoCloseable {
    /**
     * What does not change from step to step.
     *
     * @param beta1 decay of the first moment
     * @param beta2 decay of the second moment
     * @param eps added to the root of the second moment
     * @param weightDecay L2 factor
     */
    public record Constants(double beta1, double beta2, double eps, double weightDecay) {
        /** PyTorch's defaults with DADM's weight decay, 5e-5. */
        public static final Constants DADM = new Constants(0.9, 0.999, 1e-8, 5e-5);
    }

    /**
     * Moments of one parameter, with its layout in memory.
     *
     * @param first m
     * @param second v
     * @param steps number of updates so far, one element
     */
    public record State(View first, View second, View steps) {}

    private final Constants constants;
    private final Arena arena = Arena.ofShared();
    private final Map<String, State> states = new LinkedHashMap<>();

    /** Moments of zero for each of the parameters. */
    public Adam(List<Parameter> parameters, Constants constants) {
        this.constants = constants;
        for (Parameter p : parameters) {
            View v = p.view();
            states.put(p.name(), new State(like(v), like(v), View.allocate(arena, io.aegis.kernels.DType.I64, 1)));
        }
    }

    /**
     * One step of one parameter, in place.
     *
     * @throws IllegalArgumentException for a parameter that this optimiser was not made for
     */
    public void update(Parameter p, Tensor gradient, double learningRate) {
        State s = states.get(p.name());
        if (s == null) {
            throw new IllegalArgumentException(p.name() + " is not among the optimiser's parameters");
        }
        long step = s.steps.getLong(0) + 1;
        s.steps.set(step, 0);
        Optimizer.Adam c = new Optimizer.Adam(
                learningRate, constants.beta1, constants.beta2, constants.eps, constants.weightDecay, false, step);
        Scope.current().kernels().optimizer().adam(p.view(), gradient.view(), s.first, s.second, c);
        p.changed();
    }

    /** The state of every parameter by name, for checkpoints; written in place when a run is resumed. */
    public Map<String, State> states() {
        return states;
    }

    private View like(View v) {
        Buffer buffer = Buffer.allocate(arena, v.elements() * v.dtype().bytes());
        return View.of(buffer, v.dtype(), 0, v.shape(), v.strides());
    }

    @Override
    public void close() {
        arena.close();
    }
}
