package io.aegis.models.dadm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.kernels.DType;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.Views;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DadmFolderGoldenTest {
    @TempDir
    Path folder;

    @Test
    void theReferenceModelLoadsAndScoresAsTheOfficialCode() throws IOException {
        Path golden = Path.of(System.getProperty("aegis.golden", "none")).resolve("dadm");
        assumeTrue(Files.isDirectory(golden), "there is no reference data at " + golden);
        Files.copy(golden.resolve("config.json"), folder.resolve("config.json"));
        Files.copy(golden.resolve("weights.safetensors"), folder.resolve("model.safetensors"));
        try (Dadm dadm = Dadm.load(folder);
                Checkpoint inputs = Checkpoint.open(golden.resolve("inputs.safetensors"));
                Checkpoint outputs = Checkpoint.open(golden.resolve("outputs-eval.safetensors"));
                Scope scope = Scope.open()) {
            Tensor[] pictures = List.of("x1", "x2", "x3").stream()
                    .map(x -> Tensor.copyOf(Views.of(inputs, x), DType.F32))
                    .toArray(Tensor[]::new);
            double[] expected = Views.of(outputs, "score").toDoubles();
            double greatest = Arrays.stream(expected).max().orElseThrow();
            assertThat(dadm.score(pictures)).containsExactly(expected, within(1e-4 * greatest));
        }
    }
}
