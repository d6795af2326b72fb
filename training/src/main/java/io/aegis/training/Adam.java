package io.aegis.training;

import io.aegis.kernels.Backends;
import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Adam (arXiv 1412.6980) with L2 regularisation added to the gradient, as PyTorch's {@code Adam}, or with decoupled weight
 * decay (arXiv 1711.05101), as its {@code AdamW}; a parameter without a gradient in some step is left alone, and its own
 * step count stands still. Owns the moments. As tensors of a file these are {@code adam.first/NAME} and {@code
 * adam.second/NAME}, shaped as the parameter, and {@code adam.steps/NAME}, I64 [1].
 */
public final class Adam implements AutoCloseable {
    /**
     * What does not change from step to step.
     *
     * @param beta1 decay of the first moment
     * @param beta2 decay of the second moment
     * @param eps added to the root of the second moment
     * @param weightDecay factor lambda
     * @param decoupled whether weights shrink by learning rate times lambda, rather than lambda p being added to gradients
     */
    public record Constants(double beta1, double beta2, double eps, double weightDecay, boolean decoupled) {
        /** PyTorch's defaults with DADM's weight decay, 5e-5. */
        public static final Constants DADM = l2(5e-5);

        /** PyTorch's defaults for {@code Adam}, with weight decay in the gradient. */
        public static Constants l2(double weightDecay) {
            return new Constants(0.9, 0.999, 1e-8, weightDecay, false);
        }

        /** PyTorch's defaults for {@code AdamW}, with these two. */
        public static Constants decoupled(double beta2, double weightDecay) {
            return new Constants(0.9, beta2, 1e-8, weightDecay, true);
        }
    }

    private static final String FIRST = "adam.first/";
    private static final String SECOND = "adam.second/";
    private static final String STEPS = "adam.steps/";

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
            states.put(p.name(), new State(like(v), like(v), View.allocate(arena, DType.I64, 1)));
        }
    }

    /**
     * One step of one parameter, in place.
     *
     * @throws IllegalArgumentException for a parameter that this optimiser was not made for
     */
    public void update(Parameter p, Tensor gradient, double learningRate) {
        update(p, gradient, learningRate, constants.weightDecay);
    }

    /** As above, with another weight decay than the others' for this parameter. */
    public void update(Parameter p, Tensor gradient, double learningRate, double weightDecay) {
        State s = states.get(p.name());
        if (s == null) {
            throw new IllegalArgumentException(p.name() + " is not among the optimiser's parameters");
        }
        long step = s.steps.getLong(0) + 1;
        s.steps.set(step, 0);
        Optimizer.Adam c = new Optimizer.Adam(
                learningRate, constants.beta1, constants.beta2, constants.eps, weightDecay, constants.decoupled, step);
        Scope.current().kernels().optimizer().adam(p.view(), gradient.view(), s.first, s.second, c);
        p.changed();
    }

    /** All of it for a file; what does not lie as files hold it is copied into the arena, of shared kind. */
    public List<StoredTensor> tensors(Arena copies) {
        List<StoredTensor> out = new ArrayList<>();
        states.forEach((name, s) -> {
            out.add(StoredTensor.of(FIRST + name, s.first, copies));
            out.add(StoredTensor.of(SECOND + name, s.second, copies));
            out.add(StoredTensor.of(STEPS + name, s.steps, copies));
        });
        return out;
    }

    /**
     * Takes over what {@link #tensors} wrote.
     *
     * @throws WeightsException when tensors are missing or misshapen
     */
    public void restore(Checkpoint c) {
        states.forEach((name, s) -> {
            copy(c, FIRST + name, s.first);
            copy(c, SECOND + name, s.second);
            copy(c, STEPS + name, s.steps);
        });
    }

    private static void copy(Checkpoint c, String name, View to) {
        View from = Views.of(c, name);
        if (from.dtype() != to.dtype() || !Arrays.equals(from.shape(), to.shape())) {
            throw WeightsException.of(c.path(), name, "is " + from + ", expected " + to);
        }
        Backends.best().elementwise().copy(from, to);
    }

    private View like(View v) {
        Buffer buffer = Buffer.allocate(arena, v.elements() * v.dtype().bytes());
        return View.of(buffer, v.dtype(), 0, v.shape(), v.strides());
    }

    @Override
    public void close() {
        states.values().forEach(s -> {
            s.first.buffer().discardMirror();
            s.second.buffer().discardMirror();
        });
        arena.close();
    }
}
