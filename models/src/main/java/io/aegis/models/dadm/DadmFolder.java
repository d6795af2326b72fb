package io.aegis.models.dadm;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.weights.AtomicFile;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.Finite;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A model on disk. {@code config.json} holds {@link DadmInfo}, under the keys model_type, D, heads, L, G, image, patch,
 * mlp, mim_h1, mim_h2, adapter_dim, n_classes, domains, recipe. {@code model.safetensors} holds all parameters under the
 * published names, in their order, F32 and row-major, counters I64; its metadata carries what belongs to these very
 * weights, such as their threshold. Each file is replaced as a whole.
 */
public final class DadmFolder {
    /** The file of sizes. */
    public static final String CONFIG = "config.json";

    /** The file of parameters. */
    public static final String WEIGHTS = "model.safetensors";

    private static final String MODEL_TYPE = "dadm";
    private static final String FORMAT = "aegis-dadm";

    /** Far above any use, and low enough that a slip of the pen does not exhaust memory before the weights are seen. */
    private static final int MOST_LAYERS = 1000;

    private static final int MOST_PATCHES = 1000;
    private static final int WIDEST = 1 << 20;

    private DadmFolder() {}

    /**
     * Reads {@code config.json}. Keys that are not known are passed over. Without {@code domains} there are none named;
     * without {@code recipe} it is {@code official}: a folder that says nothing comes from the published code.
     *
     * @throws WeightsException when the folder or file is missing, or a key is missing, of the wrong type, or does not
     *     fit the others
     */
    public static DadmInfo readInfo(Path folder) {
        if (!Files.isDirectory(folder)) {
            throw WeightsException.of(
                    folder,
                    (Files.exists(folder) ? "is a file" : "does not exist") + ", expected a folder with " + CONFIG
                            + " and " + WEIGHTS);
        }
        ConfigJson json = ConfigJson.read(folder.resolve(CONFIG));
        String type = json.text("model_type");
        if (!type.equals(MODEL_TYPE)) {
            throw json.invalid("model_type", "is not known here, expected \"" + MODEL_TYPE + "\"");
        }
        int grid = size(json, "G", MOST_PATCHES);
        int patch = size(json, "patch", WIDEST);
        int mask = size(json, "mim_h1", WIDEST);
        if (json.positive("image") != (long) grid * patch) {
            throw json.invalid("image", "is not G " + grid + " times patch " + patch);
        }
        if (json.positive("mim_h2") != 2L * mask) {
            throw json.invalid("mim_h2", "is not twice mim_h1 " + mask);
        }
        List<String> domains = json.has("domains") ? json.texts("domains") : List.of();
        String recipe = json.text("recipe", "official");
        try {
            DadmConfig config = new DadmConfig(
                    size(json, "D", WIDEST),
                    size(json, "heads", WIDEST),
                    size(json, "L", MOST_LAYERS),
                    grid,
                    patch,
                    size(json, "mlp", WIDEST),
                    mask,
                    size(json, "adapter_dim", WIDEST),
                    size(json, "n_classes", WIDEST));
            return new DadmInfo(config, domains, recipe);
        } catch (IllegalArgumentException e) {
            throw new WeightsException(json.path() + ": " + e.getMessage(), e);
        }
    }

    private static int size(ConfigJson json, String key, int most) {
        int value = json.positive(key);
        if (value > most) {
            throw json.invalid(key, "is too large, expected at most " + most);
        }
        return value;
    }

    /**
     * Writes {@code config.json}, making the folder where there is none.
     *
     * @throws WeightsException when it could not be written; the old one is unchanged
     */
    public static void writeInfo(Path folder, DadmInfo info) {
        DadmConfig c = info.config();
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("model_type", MODEL_TYPE)
                .put("D", c.width())
                .put("heads", c.heads())
                .put("L", c.layers())
                .put("G", c.grid())
                .put("image", c.image())
                .put("patch", c.patch())
                .put("mlp", c.mlp())
                .put("mim_h1", c.mimMask())
                .put("mim_h2", c.mimShared())
                .put("adapter_dim", c.adapter())
                .put("n_classes", c.classes());
        info.domains().forEach(json.putArray("domains")::add);
        json.put("recipe", info.recipe());
        make(folder);
        AtomicFile.write(folder.resolve(CONFIG), json.toPrettyString() + "\n");
    }

    /**
     * Writes {@code model.safetensors}, making the folder where there is none.
     *
     * @param metadata what goes with these weights; {@code format} is added
     * @throws WeightsException when a parameter has NaN or an infinity, or the file could not be written; the old one is
     *     unchanged
     */
    public static void writeWeights(Path folder, Parameters p, Map<String, String> metadata) {
        Map<String, String> all = new LinkedHashMap<>();
        all.put("format", FORMAT);
        all.putAll(metadata);
        Path file = folder.resolve(WEIGHTS);
        try (Arena arena = Arena.ofShared()) {
            List<StoredTensor> tensors = tensors(p, arena);
            for (StoredTensor t : tensors) {
                DType dtype = t.info().dtype().dtype().orElseThrow();
                View values = View.of(Buffer.host(t.bytes()), dtype, t.info().shape());
                Finite.check(file, t.info().name(), values);
            }
            make(folder);
            SafetensorsWriter.write(file, all, tensors);
        }
    }

    /**
     * All parameters as files hold them, in order of declaration: floating ones F32, row-major. What lies so already is
     * not copied.
     *
     * @param arena of shared kind, for the copies
     */
    public static List<StoredTensor> tensors(Parameters p, Arena arena) {
        List<StoredTensor> out = new ArrayList<>();
        for (Parameter parameter : p.all()) {
            View view = parameter.view();
            if (view.dtype().isFloating() && view.dtype() != DType.F32) {
                View single = View.allocate(arena, DType.F32, view.shape());
                Backends.best().elementwise().copy(view, single);
                view = single;
            }
            out.add(StoredTensor.of(parameter.name(), view, arena));
        }
        return out;
    }

    /**
     * Fills parameters, as F32 and in memory of their own, with a checkpoint of exactly their names and shapes.
     *
     * @throws WeightsException when tensors are unknown, missing or misshapen (all are listed), or one has NaN or an
     *     infinity
     */
    public static void readWeights(Checkpoint c, Parameters p) {
        Finite.check(c);
        try {
            p.load(c.path().toString(), c.names(), name -> Views.of(c, name), DType.F32, false);
        } catch (IllegalArgumentException e) {
            throw new WeightsException(e.getMessage(), e);
        }
    }

    private static void make(Path folder) {
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new WeightsException(folder + ": the folder cannot be made: " + e, e);
        }
    }
}
