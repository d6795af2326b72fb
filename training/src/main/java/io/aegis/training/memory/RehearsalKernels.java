package io.aegis.training.memory;

import io.aegis.kernels.Attention;
import io.aegis.kernels.DerivedKernels;
import io.aegis.kernels.Device;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * Kernels that compute nothing, over memory that is only counted: a model's own code, run on them, says to the byte what it
 * would hold, in milliseconds and whatever its size.
 */
final class RehearsalKernels extends DerivedKernels {
    private final Ledger ledger = new Ledger();
    private final Workspace workspace;
    private final Map<Class<?>, Object> families = new ConcurrentHashMap<>();

    /** @param workspace what the kernels that are imitated hold while they run */
    RehearsalKernels(Workspace workspace) {
        this.workspace = workspace;
    }

    @Override
    protected <T> T family(Class<T> which, Function<Kernels, T> of) {
        return which.cast(families.computeIfAbsent(which, this::silent));
    }

    private Object silent(Class<?> family) {
        return Proxy.newProxyInstance(family.getClassLoader(), new Class<?>[] {family}, (self, method, arguments) -> {
            if (arguments != null) {
                ledger.during(workspace.of(method.getName(), arguments));
                String made = kind(family, method.getName());
                for (Object argument : arguments) {
                    see(argument, made);
                }
            }
            return nothing(method);
        });
    }

    private static String kind(Class<?> family, String method) {
        return switch (method) {
            case "dropout" -> "dropout";
            case "siluGate", "siluGateBackward", "activate", "activateBackward" -> "activations";
            case "binary", "addScaled", "affine", "sums" -> "sums and scales";
            case "copy", "copies", "fill", "gather", "scatterAdd" -> "copies";
            default -> kind(family);
        };
    }

    private static String kind(Class<?> family) {
        return switch (family.getSimpleName()) {
            case "Matmul", "QuantizedMatmul" -> "linears";
            case "Attention", "RotaryEmbedding" -> "attention";
            case "Normalization" -> "norms";
            case "Convolution" -> "convolutions";
            case "Elementwise" -> "element by element";
            case "Reduction" -> "reductions";
            case "MutualInformation" -> "mutual information";
            case "Optimizer" -> "optimiser";
            case "VisionMasking" -> "masking";
            case String name -> name.toLowerCase(Locale.ROOT);
        };
    }

    private void see(Object argument, String kind) {
        switch (argument) {
            case View v -> ledger.seen(v.buffer(), kind);
            case QuantizedWeight w -> ledger.seen(w.codes().buffer(), kind);
            case QuantizedMatmul.Linear p -> see(List.of(p.w(), p.y()), kind);
            case Optimizer.Correction c -> see(List.of(c.out()), kind);
            case Attention.Sequences s -> see(List.of(s.queries(), s.keys()), kind);
            case Attention.Token t -> see(List.of(t.q(), t.k(), t.v(), t.cos(), t.sin()), kind);
            case Collection<?> several -> several.forEach(each -> see(each, kind));
            case View[] several -> see(Arrays.asList(several), kind);
            case null, default -> {}
        }
    }

    private static Object nothing(Method method) {
        Class<?> type = method.getReturnType();
        if (type == double.class) {
            return 0.0;
        }
        return type == boolean.class ? (Object) false : type == long.class ? (Object) 0L : type == int.class ? 0 : null;
    }

    @Override
    public String name() {
        return "rehearsal";
    }

    @Override
    public Device device() {
        return Device.CPU;
    }

    @Override
    public Ledger memory() {
        return ledger;
    }

    @Override
    public List<Choice> choices() {
        return List.of();
    }
}
