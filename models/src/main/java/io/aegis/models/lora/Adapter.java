package io.aegis.models.lora;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Lora;
import io.aegis.layers.Parameters;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.checkpoint.CheckpointLayout;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.Finite;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * An adapter's folder: {@code adapter_config.json} and {@code adapter_model.safetensors} or {@code .bin}, in which the pair
 * of a linear is called {@code base_model.model.NAME.lora_A.weight} and {@code lora_B}, NAME being the linear's in the
 * checkpoint of the base. Whole modules that were trained beside, such as a projector, are there under their own names
 * behind {@code base_model.model.}, or in a {@code non_lora_trainables.bin}.
 */
public final class Adapter implements AutoCloseable {
    /** The file that makes a folder an adapter's. */
    public static final String CONFIG = "adapter_config.json";

    /** The file of weights, as it is written. */
    public static final String WEIGHTS = "adapter_model.safetensors";

    static final String PREFIX = "base_model.model.";
    private static final String OLDER_WEIGHTS = "adapter_model.bin";
    private static final String BESIDE = "non_lora_trainables.bin";

    /** What canonical names of a language model begin with. */
    private static final String LANGUAGE = "llm.";

    /** PEFT strips an adapter's name when it saves, other writers do not. */
    private static final Pattern LORA = Pattern.compile("(.+)\\.lora_([AB])(?:\\.default)?\\.weight");

    private final LoraConfig config;
    private final Checkpoint weights;
    private final Checkpoint beside;
    private final Map<String, Pair> pairs = new LinkedHashMap<>();
    private final Map<String, View> others = new LinkedHashMap<>();

    /**
     * The two matrices of a linear.
     *
     * @param a [r, in]
     * @param b [out, r]
     */
    public record Pair(View a, View b) {}

    private Adapter(LoraConfig config, Checkpoint weights, Checkpoint beside) {
        this.config = config;
        this.weights = weights;
        this.beside = beside;
    }

    /**
     * Opens a folder.
     *
     * @throws WeightsException when something is missing or malformed, is no LoRA, has half a pair, or holds NaN
     */
    public static Adapter open(Path folder) {
        LoraConfig config = AdapterJson.read(ConfigJson.read(folder.resolve(CONFIG)));
        Checkpoint weights = Checkpoint.open(weights(folder));
        Checkpoint beside = null;
        try {
            if (Files.exists(folder.resolve(BESIDE))) {
                beside = Checkpoint.open(folder.resolve(BESIDE));
            }
            Adapter adapter = new Adapter(config, weights, beside);
            adapter.sort();
            return adapter;
        } catch (RuntimeException e) {
            weights.close();
            if (beside != null) {
                beside.close();
            }
            throw e;
        }
    }

    private static Path weights(Path folder) {
        return Stream.of(WEIGHTS, OLDER_WEIGHTS)
                .map(folder::resolve)
                .filter(Files::exists)
                .findFirst()
                .orElseThrow(() -> WeightsException.of(
                        folder, "holds no adapter's weights, expected " + WEIGHTS + " or " + OLDER_WEIGHTS));
    }

    private void sort() {
        Finite.check(weights);
        Map<String, View[]> halves = new LinkedHashMap<>();
        for (String name : weights.names()) {
            String base = inBase(weights, name);
            Matcher lora = LORA.matcher(base);
            if (lora.matches()) {
                halves.computeIfAbsent(lora.group(1), m -> new View[2])[
                        lora.group(2).equals("A") ? 0 : 1] = Views.of(weights, name);
            } else if (config.saved().stream().anyMatch(m -> base.contains(m + "."))) {
                others.put(base, Views.of(weights, name));
            } else {
                throw WeightsException.of(weights.path(), name, "belongs to no low-rank adapter");
            }
        }
        halves.forEach((module, ab) -> pairs.put(module, pair(module, ab)));
        if (beside != null) {
            Finite.check(beside);
            beside.names().forEach(name -> others.put(inBase(beside, name), Views.of(beside, name)));
        }
        if (pairs.isEmpty()) {
            throw WeightsException.of(weights.path(), "holds no low-rank adapter");
        }
    }

    private static String inBase(Checkpoint file, String name) {
        if (!name.startsWith(PREFIX)) {
            throw WeightsException.of(file.path(), name, "does not begin with " + PREFIX);
        }
        return name.substring(PREFIX.length());
    }

    private Pair pair(String module, View[] ab) {
        if (ab[0] == null || ab[1] == null) {
            throw WeightsException.of(
                    weights.path(), "the adapter of " + module + " has no lora_" + (ab[0] == null ? "A" : "B"));
        }
        int rank = config.rank(module);
        if (ab[0].rank() != 2 || ab[1].rank() != 2 || ab[0].size(0) != rank || ab[1].size(1) != rank) {
            throw WeightsException.of(
                    weights.path(),
                    "the adapter of " + module + " is " + ab[0] + " and " + ab[1] + ", expected [" + rank
                            + ", in] and [out, " + rank + "] by the rank in " + CONFIG);
        }
        return new Pair(ab[0], ab[1]);
    }

    public LoraConfig config() {
        return config;
    }

    /** The file of the pairs, for messages. */
    public Path path() {
        return weights.path();
    }

    /** The threshold that was chosen for the base with this adapter. */
    public Optional<DecisionThreshold> threshold() {
        return DecisionThreshold.of(weights);
    }

    /** Pairs by the name of their linear in the base's checkpoint, without {@code .weight}. */
    public Map<String, Pair> pairs() {
        return Collections.unmodifiableMap(pairs);
    }

    /** Tensors that replace those of the base, or are new there, by their names in it. */
    public Map<String, View> others() {
        return Collections.unmodifiableMap(others);
    }

    /** A linear's name within a Llama, {@code layers.{i}...}, from that in any layout; empty when it is in no Llama. */
    static Optional<String> inLlama(String module) {
        return CheckpointLayout.canonical(module + ".weight")
                .filter(name -> name.startsWith(LANGUAGE))
                .map(name -> name.substring(LANGUAGE.length(), name.length() - ".weight".length()));
    }

    /**
     * Gives a network the adapters of this folder.
     *
     * @param dtype what the network computes in
     * @return the adapters' parameters, {@code layers.{i}...lora_A.weight} and so on, to be closed after the network's last
     *     use
     * @throws WeightsException when they are made for another model: all names and shapes that do not fit are listed
     */
    public Parameters into(LlamaNetwork network, DType dtype) {
        Map<String, View> tensors = new LinkedHashMap<>();
        Map<String, String> namesInBase = new LinkedHashMap<>();
        pairs.forEach((module, pair) -> {
            String inside = inLlama(module)
                    .orElseThrow(() -> WeightsException.of(
                            path(), "adapts " + module + ", which is no linear of the language model"));
            namesInBase.put(inside, module);
            tensors.put(inside + ".lora_A.weight", pair.a());
            tensors.put(inside + ".lora_B.weight", pair.b());
        });
        Parameters p = new Parameters();
        try {
            network.adapt(p, (module, in, out, site) -> {
                String name = namesInBase.get(module);
                // A regular expression is about names in the base, which only the file tells.
                boolean expected = config.targets() instanceof TargetModules.Named && config.targets(module);
                return name == null && !expected
                        ? null
                        : lora(p, config, name == null ? module : name, module, in, out, site);
            });
            p.load(path().toString(), tensors.keySet(), tensors::get, dtype, false);
            return p;
        } catch (RuntimeException e) {
            network.adapt(new Parameters(), (module, in, out, site) -> null);
            p.close();
            throw e instanceof IllegalArgumentException
                    ? new WeightsException(e.getMessage() + "; is it an adapter for another base?", e)
                    : e;
        }
    }

    /**
     * Gives a network new adapters, which add nothing until they have learned.
     *
     * @param p where they declare their parameters, to be initialised
     * @throws IllegalArgumentException when the configuration targets no linear of a Llama
     */
    public static void fresh(LlamaNetwork network, LoraConfig config, Parameters p) {
        Set<String> adapted = new TreeSet<>();
        network.adapt(p, (module, in, out, site) -> {
            if (!config.targets("model." + module)) {
                return null;
            }
            adapted.add(module);
            return lora(p, config, "model." + module, module, in, out, site);
        });
        if (adapted.isEmpty()) {
            throw new IllegalArgumentException("target_modules name no linear of the language model");
        }
    }

    private static Lora lora(
            Parameters p, LoraConfig config, String inBase, String module, long in, long out, long site) {
        return new Lora(p.at(module), in, out, config.rank(inBase), config.scale(inBase), config.dropout(), site);
    }

    @Override
    public void close() {
        weights.close();
        if (beside != null) {
            beside.close();
        }
    }
}
