package io.aegis.training;

import io.aegis.kernels.AdamStep;
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
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;

/**
 * Adam (arXiv 1412.6980) with L2 regularisation added to the gradient, as PyTorch's {@code Adam}, or with decoupled weight
 * decay (arXiv 1711.05101), as its {@code AdamW}; a parameter without a gradient in some step is left alone, and its own
 * step count stands still. {@link #begin} counts and writes what changes from step to step where kernels read it; {@link #update}
 * only launches, so that it may be recorded. Owns the moments. As tensors of a file these are {@code adam.first/NAME} and {@code
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

        private Optimizer.Adam with(double decay) {
            return new Optimizer.Adam(beta1, beta2, eps, decay, decoupled);
        }

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

    /** What a step does with one parameter. */
    private enum Turn {
        /** Nothing yet. */
        OPEN,
        /** It was updated. */
        UPDATED,
        /** It counts as updated, by what was recorded. */
        FORETOLD
    }

    /** What belongs to one parameter. */
    private static final class State {
        final Parameter parameter;
        /** m and v, with the parameter's layout in memory. */
        final View first;

        final View second;
        /** Number of updates so far, one element. */
        final View steps;
        /** Which {@link AdamStep} of a table is its own. */
        final long row;

        Turn turn = Turn.OPEN;
        /** Whether this step leaves it alone, whatever is launched. */
        boolean idle;

        State(Parameter parameter, View first, View second, View steps, long row) {
            this.parameter = parameter;
            this.first = first;
            this.second = second;
            this.steps = steps;
            this.row = row;
        }

        void count(Turn how) {
            steps.setLongAt(0, steps.getLongAt(0) + 1);
            turn = how;
        }
    }

    private final Optimizer.Adam decaying;
    private final Optimizer.Adam keeping;
    private final Arena arena = Arena.ofShared();
    private final Map<String, State> states = new LinkedHashMap<>();
    /** An {@link AdamStep} a parameter, in order, uploaded together. */
    private final View table;

    private boolean begun;

    /** Moments of zero for each of the parameters. */
    public Adam(List<Parameter> parameters, Constants constants) {
        decaying = constants.with(constants.weightDecay);
        keeping = constants.with(0);
        table = View.allocate(arena, DType.F64, parameters.size(), AdamStep.SIZE);
        for (Parameter p : parameters) {
            View v = p.view();
            View steps = View.allocate(arena, DType.I64, 1);
            states.put(p.name(), new State(p, like(v), like(v), steps, states.size()));
        }
    }

    /** Begins a step in which all parameters learn at one rate; as {@link #begin(ToDoubleFunction, Collection)}. */
    public void begin(double learningRate) {
        begin(p -> learningRate, List.of());
    }

    /** As {@link #begin(ToDoubleFunction, Collection, Collection)}, for a step that leaves nothing alone. */
    public void begin(ToDoubleFunction<Parameter> learningRate, Collection<Parameter> foretold) {
        begin(learningRate, foretold, List.of());
    }

    /** As {@link #begin(ToDoubleFunction, Collection)}, for updates that are launched one by one. */
    public void begin(ToDoubleFunction<Parameter> learningRate) {
        begin(learningRate, List.of());
    }

    /**
     * Begins a step: before its updates, or before each launch of a recording of them. Not to be recorded itself, as the host
     * writes; and where something is foretold, before the forward pass, whose tape would find its parameters changed.
     *
     * @param learningRate of each parameter
     * @param foretold what the launch of a recording is going to update, as {@link #updated} told of the step before: it is counted
     *     and marked as changed here. Updates of these may be launched or recorded in this step as well, which counts no more
     * @param idle what this step leaves alone, foretold or not: updates of these may be launched, and neither change nor count anything
     */
    public void begin(
            ToDoubleFunction<Parameter> learningRate, Collection<Parameter> foretold, Collection<Parameter> idle) {
        MemorySegment memory = table.buffer().memory();
        AdamStep last = null;
        long lastCount = 0;
        for (State s : states.values()) {
            s.turn = Turn.OPEN;
            s.idle = false;
            long count = s.steps.getLongAt(0) + 1;
            double rate = learningRate.applyAsDouble(s.parameter);
            if (last == null || count != lastCount || rate != last.learningRate()) { // powers are worth keeping
                last = AdamStep.of(decaying, rate, count);
                lastCount = count;
            }
            last.write(memory, s.row);
        }
        for (Parameter p : idle) {
            State s = state(p);
            s.idle = true;
            AdamStep.read(table.select(0, s.row)).idle().write(memory, s.row);
        }
        foretold.stream().filter(p -> !state(p).idle).forEach(p -> {
            state(p).count(Turn.FORETOLD);
            p.changed();
        });
        begun = true;
    }

    /** Takes back what was foretold, where the launch does not come after all: counts are as before the step. */
    public void abandon() {
        for (State s : states.values()) {
            if (s.turn == Turn.FORETOLD) {
                s.steps.setLongAt(0, s.steps.getLongAt(0) - 1);
                s.turn = Turn.OPEN;
            }
        }
    }

    /** [parameters, {@value AdamStep#SIZE}]: of what {@link #guard} needs room for, F64. */
    public long[] steps() {
        return table.shape();
    }

    /**
     * Launches what makes updates of this step, by {@link #update(Map, View)}, depend on losses: where one is no number, nothing is changed. The
     * host counts as if all were well; it hears of it later, and {@link #abandon}s.
     *
     * @param losses dense
     * @param guarded F64 of {@link #steps}, dense, overwritten
     */
    public void guard(View losses, View guarded) {
        Scope.current().kernels().optimizer().guard(losses, table, guarded);
    }

    /** What has been updated since the step began, in the order of the parameters. */
    public List<Parameter> updated() {
        return states.values().stream()
                .filter(s -> s.turn != Turn.OPEN)
                .map(s -> s.parameter)
                .toList();
    }

    /**
     * One step of one parameter, in place.
     *
     * @throws IllegalArgumentException for a parameter that this optimiser was not made for
     * @throws IllegalStateException before the first {@link #begin}, and for a parameter that was updated since the last
     */
    public void update(Parameter p, Tensor gradient) {
        update(p, gradient, true);
    }

    /**
     * As {@link #update(Parameter, Tensor)}.
     *
     * @param decays whether it has the weight decay of the constants, or none
     */
    public void update(Parameter p, Tensor gradient, boolean decays) {
        update(Map.of(p, gradient), q -> decays);
    }

    /** As {@link #update(Parameter, Tensor)} of each, to the bit; small ones share what is launched. */
    public void update(Map<Parameter, Tensor> gradients) {
        update(gradients, p -> true);
    }

    /**
     * As {@link #update(Map)}.
     *
     * @param decays which parameters have the weight decay of the constants; the others have none
     */
    public void update(Map<Parameter, Tensor> gradients, Predicate<Parameter> decays) {
        update(gradients, decays, table);
    }

    /**
     * As {@link #update(Map)}, as far as steps are applied.
     *
     * @param guarded what {@link #guard} wrote
     */
    public void update(Map<Parameter, Tensor> gradients, View guarded) {
        update(gradients, p -> true, guarded);
    }

    private void update(Map<Parameter, Tensor> gradients, Predicate<Parameter> decays, View steps) {
        List<Optimizer.Update> all = new ArrayList<>();
        gradients.forEach((p, gradient) -> {
            State s = open(p);
            Optimizer.Adam c = decays.test(p) ? decaying : keeping;
            View now = steps.select(0, s.row);
            all.add(new Optimizer.Update(p.view(), gradient.view(), s.first, s.second, c, now));
        });
        Scope.current().kernels().optimizer().adam(all);
        for (Parameter p : gradients.keySet()) {
            State s = state(p);
            if (s.idle) {
                continue;
            }
            p.changed();
            if (s.turn == Turn.OPEN) {
                s.count(Turn.UPDATED);
            }
        }
    }

    /** What belongs to a parameter that may be updated now. */
    private State open(Parameter p) {
        State s = state(p);
        if (!begun || s.turn == Turn.UPDATED) {
            throw new IllegalStateException(
                    p.name() + (begun ? " was updated in this step" : " is updated before a step has begun"));
        }
        return s;
    }

    private State state(Parameter p) {
        State s = states.get(p.name());
        if (s == null) {
            throw new IllegalArgumentException(p.name() + " is not among the optimiser's parameters");
        }
        return s;
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
        begun = false;
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
        table.buffer().discardMirror();
        arena.close();
    }
}
