package io.aegis.training.memory;

import io.aegis.kernels.Attention;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.Device;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Embedding;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Loss;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.MutualInformation;
import io.aegis.kernels.Normalization;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.Reduction;
import io.aegis.kernels.RotaryEmbedding;
import io.aegis.kernels.View;
import io.aegis.kernels.VisionMasking;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;

/**
 * Kernels that compute nothing, over memory that is only counted: a model's own code, run on them, says to the byte what it
 * would hold, in milliseconds and whatever its size.
 */
final class RehearsalKernels implements Kernels {
    private final Ledger ledger = new Ledger();
    private final Workspace workspace;
    private final Matmul matmul = silent(Matmul.class, "linears");
    private final QuantizedMatmul quantizedMatmul = silent(QuantizedMatmul.class, "linears");
    private final Attention attention = silent(Attention.class, "attention");
    private final RotaryEmbedding rotaryEmbedding = silent(RotaryEmbedding.class, "attention");
    private final Normalization normalization = silent(Normalization.class, "norms");
    private final Convolution convolution = silent(Convolution.class, "convolutions");
    private final Elementwise elementwise = silent(Elementwise.class, "element by element");
    private final Reduction reduction = silent(Reduction.class, "reductions");
    private final Embedding embedding = silent(Embedding.class, "embedding");
    private final Loss loss = silent(Loss.class, "loss");
    private final MutualInformation mutualInformation = silent(MutualInformation.class, "mutual information");
    private final Optimizer optimizer = silent(Optimizer.class, "optimiser");
    private final VisionMasking visionMasking = silent(VisionMasking.class, "masking");

    /** @param workspace what the kernels that are imitated hold while they run */
    RehearsalKernels(Workspace workspace) {
        this.workspace = workspace;
    }

    private <T> T silent(Class<T> family, String kind) {
        return family.cast(
                Proxy.newProxyInstance(family.getClassLoader(), new Class<?>[] {family}, (self, method, arguments) -> {
                    if (arguments != null) {
                        ledger.during(workspace.of(method.getName(), arguments));
                        String made = kind(kind, method.getName());
                        for (Object argument : arguments) {
                            see(argument, made);
                        }
                    }
                    return nothing(method);
                }));
    }

    private static String kind(String family, String method) {
        return switch (method) {
            case "dropout" -> "dropout";
            case "siluGate", "siluGateBackward", "activate", "activateBackward" -> "activations";
            case "binary", "addScaled", "affine", "sums" -> "sums and scales";
            case "copy", "copies", "fill", "gather", "scatterAdd" -> "copies";
            default -> family;
        };
    }

    private void see(Object argument, String kind) {
        switch (argument) {
            case View v -> ledger.seen(v.buffer(), kind);
            case QuantizedWeight w -> ledger.seen(w.codes().buffer(), kind);
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
    public Matmul matmul() {
        return matmul;
    }

    @Override
    public QuantizedMatmul quantizedMatmul() {
        return quantizedMatmul;
    }

    @Override
    public Attention attention() {
        return attention;
    }

    @Override
    public RotaryEmbedding rotaryEmbedding() {
        return rotaryEmbedding;
    }

    @Override
    public Normalization normalization() {
        return normalization;
    }

    @Override
    public Convolution convolution() {
        return convolution;
    }

    @Override
    public Elementwise elementwise() {
        return elementwise;
    }

    @Override
    public Reduction reduction() {
        return reduction;
    }

    @Override
    public Embedding embedding() {
        return embedding;
    }

    @Override
    public Loss loss() {
        return loss;
    }

    @Override
    public MutualInformation mutualInformation() {
        return mutualInformation;
    }

    @Override
    public Optimizer optimizer() {
        return optimizer;
    }

    @Override
    public VisionMasking visionMasking() {
        return visionMasking;
    }

    @Override
    public List<Choice> choices() {
        return List.of();
    }
}
