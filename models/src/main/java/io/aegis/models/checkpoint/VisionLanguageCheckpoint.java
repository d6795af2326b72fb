package io.aegis.models.checkpoint;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameters;
import io.aegis.models.vit.VitConfig;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.NameTable;
import io.aegis.weights.Quantization;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A published vision-language model, or a tower or language model alone, in a folder with its {@code config.json}: Bunny,
 * LLaVA in three namings, SigLIP, CLIP, Llama; safetensors or {@code .bin}, in one file or in shards. Opening reads
 * configs and the files' directories and checks every name and shape; weights are mapped, and touched when somebody reads
 * them. It must stay open as long as parameters that {@link #load(Parameters)} filled are in use.
 */
public final class VisionLanguageCheckpoint implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(VisionLanguageCheckpoint.class.getName());
    private static final int SHOWN = 20;
    private static final String EMBEDDING = "llm.embed_tokens.weight";
    private static final String HEAD = "llm.lm_head.weight";

    private final ConfigJson json;
    private final CheckpointLayout layout;
    private final VisionLanguageConfig config;
    private final Checkpoint tensors;
    private final Optional<Quantization> quantization;

    /** From names of this package to those in the files. */
    private final Map<String, String> names;

    private VisionLanguageCheckpoint(
            ConfigJson json,
            CheckpointLayout layout,
            VisionLanguageConfig config,
            Checkpoint tensors,
            Optional<Quantization> quantization,
            Map<String, String> names) {
        this.json = json;
        this.layout = layout;
        this.config = config;
        this.tensors = tensors;
        this.quantization = quantization;
        this.names = names;
    }

    /** As {@link #open(Path, Path, Connector)}, without a folder for the tower, and with a projector. */
    public static VisionLanguageCheckpoint open(Path folder) {
        return open(folder, null, Connector.PROJECTOR);
    }

    /**
     * Opens a folder.
     *
     * @param tower where the vision tower is when the checkpoint has none, as LLaVA's own releases; null to look where
     *     {@code mm_vision_tower} of the config says
     * @param connector what must lie between tower and language model
     * @throws WeightsException when files are missing or damaged; the layout is not known; config and tensors contradict
     *     each other; tensors are unknown, missing or misshapen (all are listed); files of different quantisations are mixed;
     *     or the tower is missing, or there twice
     */
    public static VisionLanguageCheckpoint open(Path folder, Path tower, Connector connector) {
        if (!Files.isDirectory(folder)) {
            throw WeightsException.of(
                    folder,
                    (Files.exists(folder) ? "is a file" : "does not exist")
                            + ", expected a folder with config.json and weights");
        }
        ConfigJson json = ConfigJson.read(folder);
        Checkpoint file = Checkpoint.open(folder);
        try {
            Optional<Quantization> quantization = Quantization.of(file, json);
            CheckpointLayout layout = layout(file, json);
            List<String> unknown = new ArrayList<>();
            Checkpoint tensors = renamed(file, layout, unknown);
            Map<String, String> names = new HashMap<>();
            file.names().forEach(n -> layout.table().apply(n).ifPresent(canonical -> names.put(canonical, n)));
            boolean own = tensors.names().stream().anyMatch(n -> n.startsWith("vis."));
            if (own && tower != null) {
                throw WeightsException.of(
                        folder, "has a vision tower of its own, which may be fine-tuned; " + tower + " is not needed");
            }
            if (own || layout != CheckpointLayout.ORIGINAL) {
                return checked(json, layout, quantization, tensors, names, unknown, Optional.empty(), connector);
            }
            VisionLanguageCheckpoint other = tower(folder, json, tower);
            try {
                Checkpoint both = new JoinedCheckpoint(tensors, other.tensors);
                names.putAll(other.names);
                return checked(json, layout, quantization, both, names, unknown, other.config.vision(), connector);
            } catch (RuntimeException e) {
                other.close();
                throw e;
            }
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /** A Bunny or LLaVA of which only the language model is there looks like a Llama, but is not complete. */
    private static CheckpointLayout layout(Checkpoint file, ConfigJson json) {
        CheckpointLayout layout = CheckpointLayout.of(file);
        boolean part =
                layout == CheckpointLayout.LLAMA && VisionLanguageConfig.layout(json) == CheckpointLayout.ORIGINAL;
        return part ? CheckpointLayout.ORIGINAL : layout;
    }

    /** The checkpoint under the names of this package; what its layout does not know is set down and left out. */
    private static Checkpoint renamed(Checkpoint file, CheckpointLayout layout, List<String> unknown) {
        NameTable table = layout.table();
        for (String name : file.names()) {
            if (!table.knows(name)) {
                unknown.add(name);
            }
        }
        for (String name : unknown) {
            table = table.ignore(name);
        }
        return table.over(file);
    }

    /** The tower of a checkpoint without one. */
    private static VisionLanguageCheckpoint tower(Path folder, ConfigJson json, Path given) {
        Path at = given;
        if (at == null) {
            String name = json.text("mm_vision_tower", "");
            at = name.isEmpty() ? null : folder.resolve(name);
            if (at == null || !Files.isDirectory(at)) {
                throw WeightsException.of(
                        folder,
                        "has no vision tower: give the folder of "
                                + (name.isEmpty() ? "the one it was trained with" : name));
            }
        }
        VisionLanguageCheckpoint tower = open(at);
        if (tower.config.vision().isEmpty()) {
            tower.close();
            throw WeightsException.of(at, "holds no vision tower, expected SigLIP or CLIP");
        }
        return tower;
    }

    private static VisionLanguageCheckpoint checked(
            ConfigJson json,
            CheckpointLayout layout,
            Optional<Quantization> quantization,
            Checkpoint tensors,
            Map<String, String> names,
            List<String> unknown,
            Optional<VitConfig> tower,
            Connector connector) {
        OptionalLong vocabulary = vocabulary(json, tensors);
        VisionLanguageConfig config = withoutAbsentHead(VisionLanguageConfig.read(json, vocabulary, tower), tensors);
        VisionLanguageCheckpoint opened =
                new VisionLanguageCheckpoint(json, layout, config, tensors, quantization, names);
        opened.check(unknown, connector);
        return opened;
    }

    /** Published configs have been wrong about the vocabulary, so the embedding says it. */
    private static OptionalLong vocabulary(ConfigJson json, Checkpoint tensors) {
        ConfigJson text = json.has("text_config") ? json.object("text_config") : json;
        boolean told = text.has("vocab_size");
        if (!tensors.has(EMBEDDING) || tensors.info(EMBEDDING).shape().length != 2) {
            return told ? OptionalLong.of(text.positive("vocab_size")) : OptionalLong.empty();
        }
        long rows = tensors.info(EMBEDDING).shape()[0];
        if (told && text.whole("vocab_size") != rows) {
            LOG.log(
                    Level.WARNING,
                    json.path() + ": vocab_size is " + text.whole("vocab_size") + ", but the embedding has " + rows
                            + " rows, which count");
        }
        return OptionalLong.of(rows);
    }

    /** A tower alone may have been saved without the pooling that its config does not mention. */
    private static VisionLanguageConfig withoutAbsentHead(VisionLanguageConfig config, Checkpoint tensors) {
        boolean absent = tensors.names().stream().noneMatch(n -> n.startsWith("vis.head."));
        return absent
                ? new VisionLanguageConfig(
                        config.vision().map(VitConfig::withoutHead), config.language(), config.feature())
                : config;
    }

    private void check(List<String> unknown, Connector connector) {
        Inventory inventory = Inventory.of(config, json, connector);
        List<String> problems = new ArrayList<>(Contradictions.of(config, tensors, this::nameInFile));
        unknown.forEach(name -> problems.add("unknown tensor " + name));
        for (String name : tensors.names()) {
            if (Quantization.isScale(tensors, name)) {
                continue;
            }
            long[] shape = Quantization.shape(tensors, name);
            long[] expected = inventory.shapes().get(name);
            if (expected == null && !isTiedHead(name)) {
                problems.add("unknown tensor " + nameInFile(name) + Arrays.toString(shape));
            } else if (expected != null && !Arrays.equals(shape, expected)) {
                problems.add("tensor " + nameInFile(name) + " has shape " + Arrays.toString(shape) + ", expected "
                        + Arrays.toString(expected));
            } else if (!isFloating(name)
                    && !(Quantization.isCodes(tensors, name)
                            && tensors.has(name + Quantization.SCALE)
                            && inventory.quantizable().contains(name))) {
                problems.add("tensor " + nameInFile(name) + " is stored as "
                        + tensors.info(name).dtype() + ", expected F32, F16 or BF16");
            }
        }
        for (String name : inventory.required()) {
            if (!tensors.has(name)) {
                String shape = Arrays.toString(inventory.shapes().get(name));
                problems.add("missing tensor " + nameInFile(name) + shape);
            }
        }
        if (!problems.isEmpty()) {
            int shown = Math.min(SHOWN, problems.size());
            String more = problems.size() > shown ? "; and " + (problems.size() - shown) + " more" : "";
            throw WeightsException.of(
                    tensors.path(),
                    "by its names of " + layout.title() + ", does not fit its config: "
                            + String.join("; ", problems.subList(0, shown)) + more);
        }
    }

    private boolean isFloating(String name) {
        return tensors.info(name).dtype().dtype().filter(DType::isFloating).isPresent();
    }

    /** An output matrix beside an embedding that serves as one is what some exporters write; nobody reads it. */
    private boolean isTiedHead(String name) {
        return name.equals(HEAD)
                && config.language().isPresent()
                && config.language().get().tied();
    }

    /** What the config says. */
    public VisionLanguageConfig config() {
        return config;
    }

    /** The {@code config.json} itself, for what others keep in it. */
    public ConfigJson json() {
        return json;
    }

    /** How the files name their tensors. */
    public CheckpointLayout layout() {
        return layout;
    }

    /** How its own matrices are quantised, empty when they are not. */
    public Optional<Quantization> quantization() {
        return quantization;
    }

    /** The weight file, or the index of its shards. */
    public Path path() {
        return tensors.path();
    }

    /** All tensors under the names of this package. */
    public Checkpoint tensors() {
        return tensors;
    }

    /** From a name of this package to that in the files, or the one that it would have there. */
    public String nameInFile(String canonical) {
        String name = names.get(canonical);
        return name == null ? layout.nameOf(canonical) : name;
    }

    /**
     * Fills parameters, which may be those of a part of the model: matrices are read where and as they lie in the files (see
     * {@link Parameters#loadAsStored}).
     *
     * @param p names as this package has them
     * @throws WeightsException when something declared is not here, or has another shape
     */
    public void load(Parameters p) {
        load(p, Map.of());
    }

    /**
     * As {@link #load(Parameters)}, with some tensors in the place of those here.
     *
     * @param instead by the names of this package; what of them is a matrix is read where it lies, too
     */
    public void load(Parameters p, Map<String, View> instead) {
        try {
            p.loadAsStored(
                    path().toString(),
                    p.names(name -> tensors.has(name) && !isScaleOf(instead, name)),
                    name -> instead.containsKey(name) ? instead.get(name) : Views.of(tensors, name));
        } catch (IllegalArgumentException e) {
            throw new WeightsException(e.getMessage(), e);
        }
    }

    /**
     * As {@link #load(Parameters)}, all that is not quantised in float32 and as trainable as it was declared.
     *
     * @throws WeightsException when something declared is not here, or has another shape
     */
    public void loadTrainable(Parameters p) {
        try {
            p.loadAsStored(
                    path().toString(),
                    declared(p),
                    name -> Views.of(tensors, name),
                    q -> !Quantization.isCodes(tensors, q.name()));
        } catch (IllegalArgumentException e) {
            throw new WeightsException(e.getMessage(), e);
        }
    }

    /** Whether a tensor is the scales of one that has another in its place. */
    private static boolean isScaleOf(Map<String, View> instead, String name) {
        return name.endsWith(Quantization.SCALE)
                && instead.containsKey(name.substring(0, name.length() - Quantization.SCALE.length()));
    }

    /**
     * Fills parameters with copies of another dtype, quantised ones widened.
     *
     * @throws WeightsException when something declared is not here, or has another shape
     */
    public void load(Parameters p, DType dtype) {
        try {
            p.load(path().toString(), declared(p), name -> Views.of(tensors, name), dtype, false);
        } catch (IllegalArgumentException e) {
            throw new WeightsException(e.getMessage(), e);
        }
    }

    private List<String> declared(Parameters p) {
        return p.names(tensors::has);
    }

    @Override
    public void close() {
        tensors.close();
    }
}
