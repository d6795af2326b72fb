package io.aegis.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.weights.Safetensors;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.ShardedWriter;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Reference data under the names of another layout and in several shards, with nothing beside them, mean the same. */
class LayoutVerificationTest {
    private static final Verification.Computing COMPUTING = new Verification.Computing(Backends.best(), DType.F32);

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({
        "llava-clip, model.vision_tower., model.multi_modal_projector.linear_, model.language_model., lm_head.",
        "llava-siglip, model.vision_tower.vision_tower.vision_model., model.mm_projector., model., lm_head."
    })
    void otherNamesMeanTheSame(String name, String tower, String projector, String model, String head)
            throws IOException {
        Path from = Path.of(System.getProperty("aegis.golden", "golden"), "hf", name);
        assumeTrue(Files.exists(from), () -> "skipped: no reference data at " + from);
        UnaryOperator<String> rename = n -> n.replaceFirst("^vision_tower\\.vision_model\\.", tower)
                .replaceFirst("^multi_modal_projector\\.linear_1\\.", numbered(projector, 1))
                .replaceFirst("^multi_modal_projector\\.linear_2\\.", numbered(projector, 2))
                .replaceFirst("^language_model\\.lm_head\\.", head)
                .replaceFirst("^language_model\\.model\\.", model);
        for (String file : List.of("config.json", "generate.json", "io.safetensors")) {
            Files.copy(from.resolve(file), folder.resolve(file));
        }
        try (Safetensors weights = Safetensors.open(from.resolve("model.safetensors"));
                Safetensors gradients = Safetensors.open(from.resolve("grads.safetensors"))) {
            List<StoredTensor> renamed = renamed(weights, rename);
            ShardedWriter.write(
                    folder,
                    Map.of(),
                    renamed.stream().map(StoredTensor::info).toList(),
                    300_000,
                    (tensor, sink) -> sink.accept(renamed.stream()
                            .filter(t -> t.info().equals(tensor))
                            .findFirst()
                            .orElseThrow()
                            .bytes()));
            SafetensorsWriter.write(folder.resolve("grads.safetensors"), Map.of(), renamed(gradients, rename));
        }
        Rows rows = Verification.of(folder, COMPUTING);
        assertThat(rows.exitCode()).as(rows.all().toString()).isZero();
        assertThat(rows.all()).hasSizeGreaterThan(100);
    }

    /** Hugging Face numbers the projector's linears from 1, the original by their place among the activations. */
    private static String numbered(String projector, int linear) {
        return projector + (projector.endsWith("linear_") ? linear : 2 * (linear - 1)) + ".";
    }

    private static List<StoredTensor> renamed(Safetensors file, UnaryOperator<String> rename) {
        return file.names().stream()
                .map(n -> {
                    TensorInfo info = file.info(n);
                    return StoredTensor.of(rename.apply(n), info.dtype(), info.shape(), file.bytes(n));
                })
                .toList();
    }
}
