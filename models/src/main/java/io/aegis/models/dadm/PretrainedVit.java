package io.aegis.models.dadm;

import io.aegis.kernels.Backends;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.Finite;
import io.aegis.weights.TensorInfo;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Starts DADM from a ViT (arXiv 2010.11929) that was trained on pictures, as published: patch embedding and class token
 * go to all three modalities, encoder layers and final norm to the shared encoder. Position embeddings are not used: each
 * modality learns its own. What the ViT does not have stays as it was initialised.
 */
public final class PretrainedVit {
    private static final List<String> OF_A_LAYER = List.of(
            "ln_1.weight",
            "ln_1.bias",
            "self_attention.in_proj_weight",
            "self_attention.in_proj_bias",
            "self_attention.out_proj.weight",
            "self_attention.out_proj.bias",
            "ln_2.weight",
            "ln_2.bias",
            "mlp.0.weight",
            "mlp.0.bias",
            "mlp.3.weight",
            "mlp.3.bias");

    private final Parameters parameters;
    private final Checkpoint checkpoint;
    private final VitLayout layout;

    /** What the file holds, from common names to its own. */
    private final Map<String, String> names = new LinkedHashMap<>();

    private final List<String> problems = new ArrayList<>();
    private final List<Copy> copies = new ArrayList<>();

    /** A tensor of the file and where it goes. */
    private record Copy(String source, View from, Parameter parameter, View to) {}

    private PretrainedVit(Parameters parameters, Checkpoint checkpoint) {
        this.parameters = parameters;
        this.checkpoint = checkpoint;
        this.layout = VitLayout.of(checkpoint);
    }

    /**
     * Copies a ViT into parameters that have been initialised. The names of torchvision, timm and Hugging Face are known,
     * and told apart by themselves. All or nothing: no parameter changes unless everything fits.
     *
     * @param p those of a {@link DadmNetwork} of this configuration
     * @param config its sizes: the ViT must have the same width, hidden width, patch size and number of layers; heads
     *     cannot be seen in a file
     * @param file safetensors, a PyTorch file, or a folder with one
     * @return the layout that was found, for people
     * @throws WeightsException when the layout is not known, or tensors are missing, misshapen, unknown (all are listed)
     *     or hold NaN or an infinity
     */
    public static String into(Parameters p, DadmConfig config, Path file) {
        try (Checkpoint checkpoint = Checkpoint.open(file)) {
            PretrainedVit vit = new PretrainedVit(p, checkpoint);
            vit.plan(config);
            vit.copy();
            return vit.layout.title();
        }
    }

    private void plan(DadmConfig config) {
        Set<String> unknown = new HashSet<>(checkpoint.names());
        for (String name : checkpoint.names()) {
            if (layout.table().knows(name) && layout.table().apply(name).isEmpty()) {
                unknown.remove(name);
            }
            layout.table().apply(name).ifPresent(common -> names.putIfAbsent(common, name));
        }
        targets(config).forEach((common, parameterNames) -> {
            for (String part : parts(common)) {
                unknown.remove(names.get(part));
            }
            parameterNames.forEach(target -> plan(common, parameter(target)));
        });
        checkpoint.names().stream()
                .filter(unknown::contains)
                .forEach(n -> problems.add("unknown tensor " + checkpoint.info(n)));
        if (!problems.isEmpty()) {
            List<String> distinct = problems.stream().distinct().toList();
            int shown = Math.min(20, distinct.size());
            String more = distinct.size() > shown ? "; and " + (distinct.size() - shown) + " more" : "";
            throw WeightsException.of(
                    checkpoint.path(),
                    "this ViT, by its names of " + layout.title() + ", does not fit the model: "
                            + String.join("; ", distinct.subList(0, shown)) + more);
        }
    }

    /** From each common name to the parameters that it fills. */
    private static Map<String, List<String>> targets(DadmConfig config) {
        Map<String, List<String>> out = new LinkedHashMap<>();
        for (String name : List.of("class_token", "conv_proj.weight", "conv_proj.bias")) {
            String[] of = name.split("\\.", 2);
            String rest = of.length > 1 ? "." + of[1] : "";
            out.put(
                    name,
                    Arrays.stream(Modality.values())
                            .map(m -> of[0] + m.number() + rest)
                            .toList());
        }
        for (int i = 0; i < config.layers(); i++) {
            for (String name : OF_A_LAYER) {
                out.put("layer." + i + "." + name, List.of("ViT_Encoder." + (i + 1) + "." + name));
            }
        }
        for (String name : List.of("weight", "bias")) {
            out.put("norm." + name, List.of("ViT_Encoder." + (config.layers() + 1) + "." + name));
        }
        return out;
    }

    private List<String> parts(String common) {
        return layout.splitAttention() && common.contains(".in_proj_")
                ? List.of(common + ".q", common + ".k", common + ".v")
                : List.of(common);
    }

    /** Parts lie one after the other along the first dimension. */
    private void plan(String common, Parameter target) {
        List<String> parts = parts(common);
        View whole = target.view();
        long rows = whole.size(0) / parts.size();
        for (int i = 0; i < parts.size(); i++) {
            View to = whole.slice(0, i * rows, (i + 1) * rows);
            String source = names.get(parts.get(i));
            if (source == null) {
                problems.add("missing tensor " + layout.nameOf(parts.get(i)) + Arrays.toString(to.shape()));
                continue;
            }
            TensorInfo info = checkpoint.info(source);
            if (!Arrays.equals(info.shape(), to.shape())) {
                problems.add("tensor " + source + " has shape " + Arrays.toString(info.shape()) + ", expected "
                        + Arrays.toString(to.shape()));
                continue;
            }
            View from = Views.of(checkpoint, source);
            if (!from.dtype().isFloating()) {
                problems.add("tensor " + source + " is stored as " + info.dtype() + ", expected a floating type");
                continue;
            }
            copies.add(new Copy(source, from, target, to));
        }
    }

    private Parameter parameter(String name) {
        Parameter p = parameters.get(name);
        if (p == null) {
            throw new IllegalArgumentException("the parameters given are not those of this configuration: no " + name);
        }
        return p;
    }

    private void copy() {
        copies.stream().map(Copy::source).distinct().forEach(this::checkFinite);
        for (Copy c : copies) {
            Backends.best().elementwise().copy(c.from, c.to);
            c.parameter.changed();
        }
    }

    private void checkFinite(String source) {
        Finite.check(checkpoint.path(), source, Views.of(checkpoint, source));
    }
}
