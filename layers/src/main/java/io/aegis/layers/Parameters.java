package io.aegis.layers;

import io.aegis.kernels.Backends;
import io.aegis.kernels.Buffer;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import io.aegis.tensor.Pool;
import io.aegis.tensor.QuantizedMatrix;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * All parameters of a model, in the order of declaration, and the memory they live in. Blocks declare under a prefix
 * ({@link #at}); then exactly one of {@link #initialize}, {@link #load} and {@link #loadAsStored} gives values.
 *
 * <p>Named tensors may be quantised: a matrix of integers is the codes of a {@link QuantizedWeight}, and its scales are the
 * tensor whose name is {@link QuantizedMatrix#SCALE} longer.
 */
public final class Parameters implements AutoCloseable {
    private final Map<String, Parameter> all;
    private final String prefix;
    private final Arena arena;

    public Parameters() {
        this(new LinkedHashMap<>(), "", Arena.ofShared());
    }

    private Parameters(Map<String, Parameter> all, String prefix, Arena arena) {
        this.all = all;
        this.prefix = prefix;
        this.arena = arena;
    }

    /** The same parameters seen from below {@code name}, a dot between. */
    public Parameters at(String name) {
        return new Parameters(all, prefix + name + ".", arena);
    }

    /** Declares a weight. */
    public Parameter weight(String name, Init init, long... shape) {
        return declare(name, Parameter.Kind.WEIGHT, null, init, shape, View.rowMajor(shape));
    }

    /** Declares a convolution's weight [O, I, kh, kw], laid out channels last. */
    public Parameter convolution(String name, Init init, long o, long i, long kh, long kw) {
        return declare(
                name,
                Parameter.Kind.WEIGHT,
                null,
                init,
                new long[] {o, i, kh, kw},
                Convolution.channelsLast(o, i, kh, kw));
    }

    /** Declares a buffer of the model's dtype. */
    public Parameter buffer(String name, Init init, long... shape) {
        return declare(name, Parameter.Kind.BUFFER, null, init, shape, View.rowMajor(shape));
    }

    /** Declares a counter, an I64 scalar. */
    public Parameter counter(String name) {
        return declare(name, Parameter.Kind.BUFFER, DType.I64, Init.ZEROS, new long[0], new long[0]);
    }

    private Parameter declare(String name, Parameter.Kind kind, DType dtype, Init init, long[] shape, long[] strides) {
        Parameter p = new Parameter(prefix + name, kind, dtype, shape, strides, init);
        if (all.put(p.name(), p) != null) {
            throw new IllegalStateException("two parameters are called " + p.name());
        }
        return p;
    }

    /** All of them, in order of declaration. */
    public Collection<Parameter> all() {
        return List.copyOf(all.values());
    }

    /** Those that training changes, in order. */
    public List<Parameter> trainable() {
        return all.values().stream().filter(Parameter::isTrainable).toList();
    }

    /** One by name, or null. */
    public Parameter get(String name) {
        return all.get(prefix + name);
    }

    /** What of named tensors belongs to these parameters: values, and scales of those that are quantised. */
    public List<String> names(Predicate<String> has) {
        return all.values().stream()
                .map(Parameter::name)
                .flatMap(name -> Stream.of(name, name + QuantizedMatrix.SCALE))
                .filter(has)
                .toList();
    }

    /** Number of elements of all weights. */
    public long count() {
        return all.values().stream()
                .filter(p -> p.kind() == Parameter.Kind.WEIGHT)
                .mapToLong(p -> View.count(p.shape()))
                .sum();
    }

    /** Fills everything from its declared initialisation; the same seed gives the same values. */
    public void initialize(DType dtype, long seed) {
        requireRoom(dtype, all.values());
        for (Parameter p : all.values()) {
            View v = allocate(p, dtype);
            p.init().fill(v, seed, p.name());
            p.bind(v);
        }
    }

    /**
     * Fills everything from named tensors. All or nothing: every unknown, missing and misshapen tensor is listed in one
     * message before anything is bound.
     *
     * @param where for messages: the file
     * @param names what there is
     * @param source a tensor by name; it must stay valid while the parameters are in use when {@code share} is set
     * @param dtype what to compute in; others are converted, quantised ones widened
     * @param share use memory of the source where dtype and layout allow it and nothing will write into it
     * @throws IllegalArgumentException when names or shapes do not fit
     */
    public void load(
            String where, Collection<String> names, Function<String, View> source, DType dtype, boolean share) {
        check(where, names, source);
        requireRoom(
                dtype,
                all.values().stream()
                        .filter(p -> !share || !serves(p, source.apply(p.name()), dtype))
                        .toList());
        for (Parameter p : all.values()) {
            View from = source.apply(p.name());
            if (isCodes(p, from)) {
                View v = allocate(p, dtype);
                Backends.best().quantizedMatmul().widen(weight(p, source), v);
                p.bind(v);
            } else if (share && serves(p, from, dtype)) {
                p.bind(from);
            } else {
                View v = allocate(p, dtype);
                Backends.best().elementwise().copy(from, v);
                p.bind(v);
            }
        }
    }

    /**
     * As {@link #loadAsStored(String, Collection, Function, Predicate)} with nothing to be trained: for inference, where
     * everything is frozen.
     */
    public void loadAsStored(String where, Collection<String> names, Function<String, View> source) {
        loadAsStored(where, names, source, p -> false);
    }

    /**
     * Fills everything from named tensors, leaving matrices where they are: a frozen weight of two dimensions stays in the
     * source's memory in its own floating dtype or quantised, and no page of it is touched. Vectors become float32,
     * convolutions float32 and channels last, in memory of our own, and so does whatever will be trained. All or nothing,
     * as {@link #load}.
     *
     * @param where for messages: the file
     * @param names what there is
     * @param source a tensor by name, valid as long as the parameters are in use
     * @param trained which weights training will change, of those that are not frozen already; the others become frozen
     * @throws IllegalArgumentException when names, shapes or dtypes do not fit, or a weight that would be trained is
     *     quantised
     */
    public void loadAsStored(
            String where, Collection<String> names, Function<String, View> source, Predicate<Parameter> trained) {
        check(where, names, source);
        checkTrained(where, source, p -> p.isTrainable() && trained.test(p));
        for (Parameter p : all.values()) {
            if (!trained.test(p)) {
                p.frozen();
            }
            View from = source.apply(p.name());
            if (isCodes(p, from)) {
                p.bind(weight(p, source));
            } else if (!p.isTrainable() && staysAsStored(p, from)) {
                p.bind(from);
            } else {
                View v = allocate(p, DType.F32);
                Backends.best().elementwise().copy(from, v);
                p.bind(v);
            }
        }
    }

    private static boolean isCodes(Parameter p, View from) {
        return p.isQuantizable() && !from.dtype().isFloating();
    }

    private static QuantizedWeight weight(Parameter p, Function<String, View> source) {
        return new QuantizedWeight(source.apply(p.name()), source.apply(p.name() + QuantizedMatrix.SCALE));
    }

    private void checkTrained(String where, Function<String, View> source, Predicate<Parameter> trained) {
        List<Parameter> frozenForGood = all.values().stream()
                .filter(trained)
                .filter(p -> isCodes(p, source.apply(p.name())))
                .toList();
        if (!frozenForGood.isEmpty()) {
            throw new IllegalArgumentException(where + ": " + frozenForGood.getFirst()
                    + (frozenForGood.size() == 1 ? "" : " and " + (frozenForGood.size() - 1) + " more")
                    + " would be trained, but quantised weights cannot be: train adapters on them, or train the weights"
                    + " that they were made from");
        }
    }

    /** Whether a tensor can be a parameter as it is. */
    private static boolean serves(Parameter p, View from, DType dtype) {
        DType own = p.dtype() == null ? dtype : p.dtype();
        return p.kind() == Parameter.Kind.WEIGHT
                && from.dtype() == own
                && Arrays.equals(from.strides(), p.strides())
                && from.segment().address() % own.bytes() == 0;
    }

    private static void requireRoom(DType dtype, Collection<Parameter> own) {
        long bytes = own.stream()
                .mapToLong(p -> View.count(p.shape()) * (p.dtype() == null ? dtype : p.dtype()).bytes())
                .sum();
        Pool.host().requireRoom("the weights", bytes);
    }

    private static boolean staysAsStored(Parameter p, View from) {
        boolean kernelsReadIt = from.dtype() == DType.F32 || from.dtype() == DType.F16 || from.dtype() == DType.BF16;
        return p.kind() == Parameter.Kind.WEIGHT
                && from.rank() == 2
                && kernelsReadIt
                && Arrays.equals(from.strides(), p.strides());
    }

    private void check(String where, Collection<String> names, Function<String, View> source) {
        List<String> problems = new ArrayList<>();
        TreeSet<String> unknown = new TreeSet<>(names);
        unknown.removeAll(names(names::contains));
        unknown.forEach(n -> problems.add(
                "unknown tensor " + n + Arrays.toString(source.apply(n).shape())));
        TreeSet<String> have = new TreeSet<>(names);
        for (Parameter p : all.values()) {
            if (!have.contains(p.name())) {
                problems.add("missing tensor " + p);
            } else if (isCodes(p, source.apply(p.name()))) {
                checkQuantized(p, have, source, problems);
            } else if (have.contains(p.name() + QuantizedMatrix.SCALE)) {
                problems.add("tensor " + p.name() + " has scales, but is not quantised");
            } else if (!Arrays.equals(source.apply(p.name()).shape(), p.shape())) {
                problems.add("tensor " + p.name() + " has shape "
                        + Arrays.toString(source.apply(p.name()).shape()) + ", expected " + Arrays.toString(p.shape()));
            } else if (p.kind() == Parameter.Kind.WEIGHT
                    && !source.apply(p.name()).dtype().isFloating()) {
                problems.add("tensor " + p.name() + " has dtype "
                        + source.apply(p.name()).dtype() + ", expected a floating one");
            }
        }
        if (!problems.isEmpty()) {
            int shown = Math.min(20, problems.size());
            String more = problems.size() > shown ? "; and " + (problems.size() - shown) + " more" : "";
            throw new IllegalArgumentException(
                    where + " does not fit the model: " + String.join("; ", problems.subList(0, shown)) + more);
        }
    }

    private static void checkQuantized(
            Parameter p, Collection<String> have, Function<String, View> source, List<String> problems) {
        if (!have.contains(p.name() + QuantizedMatrix.SCALE)) {
            problems.add(
                    "missing tensor " + p.name() + QuantizedMatrix.SCALE + ", the scales of " + source.apply(p.name()));
            return;
        }
        try {
            QuantizedWeight w = weight(p, source);
            if (w.rows() != p.shape()[0] || w.columns() != p.shape()[1]) {
                problems.add("tensor " + p.name() + " is quantised with shape [" + w.rows() + ", " + w.columns()
                        + "], expected " + Arrays.toString(p.shape()));
            }
        } catch (IllegalArgumentException e) {
            problems.add("tensor " + p.name() + " is not quantised as it should be: " + e.getMessage());
        }
    }

    private View allocate(Parameter p, DType dtype) {
        DType own = p.dtype() == null ? dtype : p.dtype();
        Buffer buffer = Buffer.allocate(arena, View.count(p.shape()) * own.bytes());
        return View.of(buffer, own, 0, p.shape(), p.strides());
    }

    /** Frees the memory; the model is unusable afterwards. */
    @Override
    public void close() {
        all.values().forEach(Parameter::discardMirror);
        arena.close();
    }
}
