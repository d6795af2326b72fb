package io.aegis.training.dadm;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.CudaException;
import io.aegis.kernels.cuda.Precision;
import io.aegis.layers.Parameters;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Recipe;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** What a whole training step launches, in the emulator. */
class StepLaunchesTest {
    private static final DadmConfig CONFIG = new DadmConfig(8, 2, 1, 2, 4, 16, 4, 2, 5);

    @AfterEach
    void release() {
        Backends.choose(null);
    }

    /**
     * So that nobody adds launches to a step without noticing. With a correction of five or seven launches a parameter, and one for its
     * update, these alone were some 700. A batch of one domain pays for angles and for heads as any other: the host does not look.
     */
    @Test
    void launchesAreCounted() throws Exception {
        Kernels gpu;
        try {
            gpu = CudaBackend.emulator(Precision.F32);
        } catch (CudaException e) {
            Assumptions.abort(e.getMessage());
            return;
        }
        Backends.choose(gpu);
        DadmTrainingOptions options = DadmTrainingOptions.published(CONFIG, Path.of("run"));
        options = options.withFit(options.fit().withBatch(2));
        try (AutoCloseable _ = (AutoCloseable) gpu;
                Parameters parameters = new Parameters()) {
            DadmNetwork network = new DadmNetwork(parameters, CONFIG, options.trunk());
            parameters.initialize(DType.F32, 1);
            try (Adam adam = new Adam(parameters.trainable(), Adam.Constants.DADM);
                    DadmStep step = new DadmStep(network, parameters, Recipe.INTENDED, adam, 1, false);
                    Scope scope = Scope.open()) {
                Batch batch = DadmMemory.batch(options);
                for (Tensor picture : batch.pictures()) {
                    View v = picture.view();
                    for (long i = 0; i < v.elements(); i++) {
                        v.setAt(i, Math.sin(0.37 * i));
                    }
                }
                Map<String, Integer> launches = CudaBackend.launches(gpu, () -> step.run(batch, 0, 0, 1e-3));
                int total = launches.values().stream().mapToInt(i -> i).sum();
                assertThat(total).as("%s", launches).isLessThanOrEqualTo(880);
                assertThat(launches)
                        .as("gradients of 132 parameters, 99 of which are corrected; runs.cuh takes 64 at a time")
                        .containsEntry("regrad_sums", 2)
                        .containsEntry("regrad", 2)
                        .containsEntry("adam_several", 3)
                        .doesNotContainKey("adam");
            }
        }
    }
}
