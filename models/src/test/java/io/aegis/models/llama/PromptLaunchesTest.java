package io.aegis.models.llama;

import static io.aegis.models.llama.TinyLlama.ids;
import static io.aegis.models.llama.TinyLlama.prompt;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.CudaException;
import io.aegis.kernels.cuda.Precision;
import io.aegis.tensor.Scope;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How often a layer of a prompt rounds its operands, in the emulator: each is a pass over them. */
class PromptLaunchesTest {
    private Kernels kernels;

    @BeforeEach
    void open() {
        try {
            kernels = CudaBackend.emulator(Precision.BF16);
        } catch (CudaException e) {
            Assumptions.abort("the GPU's kernels are not run: " + e.getMessage());
        }
    }

    @AfterEach
    void close() throws Exception {
        if (kernels != null) {
            ((AutoCloseable) kernels).close();
        }
    }

    /**
     * What goes into q, k and v, into o, into gate and up, into down: four, where each of seven products rounded its own. Of few bits the
     * first and the third are copies of another kind. Weights of other types than the products' are rounded too.
     */
    @ParameterizedTest
    @CsvSource({"BF16, 4", "F32, 11", "quantized, 9"})
    void operandsAreRoundedOnce(String weights, int times) throws Exception {
        assertThat(rounded(weights, 3) - rounded(weights, 2)).isEqualTo(times);
    }

    private int rounded(String weights, int layers) throws Exception {
        LlamaConfig config = new LlamaConfig(40, 32, 64, layers, 4, 2, 8, 1e-5, 10000, RopeScaling.NONE, false, 512);
        try (StoredLlama llama = new StoredLlama(config, weights);
                PagePool pool = new PagePool(config, 2, DType.BF16);
                PagedCache cache = new PagedCache(pool);
                Scope scope = Scope.open(kernels)) {
            Generator generator = new Generator(llama.network, () -> null, DType.F32);
            return CudaBackend.launches(
                            kernels,
                            () -> generator.read(
                                    llama.network.embed(ids(prompt(70, 1))),
                                    LlamaNetwork.positions(0, 70L),
                                    cache,
                                    () -> false))
                    .getOrDefault("dense", 0);
        }
    }
}
