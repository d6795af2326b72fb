package io.aegis.cli.bench;

import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.checkpoint.VisionLanguageConfig;
import io.aegis.weights.ConfigJson;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What can be measured of a folder. */
final class ModelFolder {
    private ModelFolder() {}

    /**
     * The sections that find their part in it.
     *
     * @throws io.aegis.weights.WeightsException when the folder is missing or damaged
     */
    static List<BenchSection> sections(Path folder) {
        if (ConfigJson.read(folder).text("model_type", "").equals("dadm")) {
            return List.of(BenchSection.DADM);
        }
        try (VisionLanguageCheckpoint checkpoint = VisionLanguageCheckpoint.open(folder)) {
            VisionLanguageConfig config = checkpoint.config();
            List<BenchSection> out = new ArrayList<>();
            if (config.vision().isPresent()) {
                out.add(BenchSection.VISION);
            }
            if (config.language().isPresent()) {
                out.addAll(List.of(BenchSection.PREFILL, BenchSection.DECODE));
            }
            if (out.size() > 1 && config.vision().isPresent()) {
                out.addAll(List.of(BenchSection.FACESHIELD, BenchSection.STARTUP));
            }
            return out;
        }
    }
}
