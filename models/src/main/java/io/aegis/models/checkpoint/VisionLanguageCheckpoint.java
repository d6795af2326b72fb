package io.aegis.models.checkpoint;

import io.aegis.kernels.DType;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.vit.VitConfig;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.TensorInfo;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A published vision-language model, or a tower or language model alone, in a folder with its {@code config.json}: Bunny,
 * LLaVA in three namings, SigLIP, CLIP, Llama; safetensors or {@code .bin}, in one file or in shards. Opening reads
 * configs and the files' directories and checks every name and shape; weights are mapped and touched when somebody reads
 * them. It must stay open as long as parameters that {@link #load(Parameters)} filled are in use.
 */
public final class VisionLanguageCheckpoint implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(VisionLanguageCheckpoint.class.getName());
    private static final int SHOWN = 20;

    private final ConfigJson json;
    private final CheckpointLayout layout;
    private final VisionLanguageConfig config;
    private final Checkpoint tensors;

    private VisionLanguageCheckpoint(
            ConfigJson json, CheckpointLayout layout, VisionLanguageConfig config, Checkpoint tensors) {
        this.json = json;
        this.layout = layout;
        this.config = config;
        this.tensors = tensors;
    }

    /** As {@link #open(Path, Path)}, without a folder for the tower. */
    public static VisionLanguageCheckpoint open(Path folder) {
        return open(folder, null);
    }

    /**
     * Opens a folder.
     *
     * @param tower where the vision tower is when the checkpoint has none, as LLaVA's own releases; null to look where
     *     {@code mm_vision_tower} of the config says
     * @throws WeightsException when files are missing or damaged; the layout is not known; config and tensors contradict
     *     each other; tensors are unknown, missing or misshapen (all are listed); or the tower is missing, or there twice
     */
    public static VisionLanguageCheckpoint open(Path folder, Path tower) {
        if (!Files.isDirectory(folder)) {
            throw WeightsException.of(
                    folder,
                    (Files.exists(folder) ? "is a file" : "does not exist")
                            + ", expected a folder with config.json and weights");
        }
        ConfigJson json = ConfigJson.read(folder);
        Checkpoint file = Checkpoint.open(folder);
        Checkpoint all = file;
        try {
            CheckpointLayout layout = CheckpointLayout.of(file);
            Checkpoint tensors = named(file, layout);
            Optional<VitConfig> other = Optional.empty();
            boolean own = tensors.names().stream().anyMatch(n -> n.startsWith("vis."));
            if (own && tower != null) {
                throw WeightsException.of(
                        folder, "has a vision tower of its own, which may be fine-tuned; " + tower + " is not needed");
            }
            if (!own && layout == CheckpointLayout.ORIGINAL) {
                VisionLanguageCheckpoint second = tower(folder, json, tower);
                other = second.config.vision();
                tensors = new JoinedCheckpoint(tensors, second.tensors);
                all = tensors;
            }
            VisionLanguageConfig config = VisionLanguageConfig.read(json, vocabulary(tensors), other);
            VisionLanguageCheckpoint opened =
                    new VisionLanguageCheckpoint(json, layout, config, withoutTiedHead(tensors, config));
            opened.check();
            return opened;
        } catch (RuntimeException e) {
            all.close();
            throw e;
        }
    }
}
