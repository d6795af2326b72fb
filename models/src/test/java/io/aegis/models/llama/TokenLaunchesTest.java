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
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a layer of a token launches, in the emulator: each launch is some two microseconds of a GPU, whatever it does. */
class TokenLaunchesTest {
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

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void ofMatrices(int sequences) throws Exception {
        String rows = "_" + (sequences == 3 ? 4 : sequences == 5 ? 8 : sequences);
        for (String weights : List.of("F32", "BF16")) {
            assertThat(ofALayer(weights, sequences))
                    .as(weights)
                    .containsExactlyInAnyOrderEntriesOf(Map.of(
                            "rms_norm",
                            2,
                            "gemv_together" + rows,
                            1,
                            "rotate_append",
                            1,
                            "attention_decode_matrix",
                            1,
                            "gemv_gated" + rows,
                            1,
                            "gemv" + rows,
                            2));
        }
    }

    /** Of few bits as of others: q, k and v; gate and up; o; down. */
    @Test
    void ofFewBits() throws Exception {
        assertThat(ofALayer("quantized", 1))
                .containsExactlyInAnyOrderEntriesOf(Map.of(
                        "rms_norm", 2,
                        "rotate_append", 1,
                        "attention_decode_matrix", 1,
                        "rows_quantised_1", 4));
    }

    /** What an adapter adds to each of seven matrices is three launches more, and the gate is a pass. */
    @Test
    void ofMatricesWithAdapters() throws Exception {
        Map<String, Integer> launches = ofALayer("adapted", 1);
        assertThat(launches).containsEntry("gemv_1", 3 * 7).containsEntry("silu_gate", 1);
        assertThat(launches.keySet())
                .noneMatch(name -> name.startsWith("gemv_together") || name.startsWith("gemv_gated"));
    }

    /** What three layers launch more than two do. */
    private Map<String, Integer> ofALayer(String weights, int sequences) throws Exception {
        Map<String, Integer> more = new TreeMap<>(launches(weights, 3, sequences));
        launches(weights, 2, sequences).forEach((name, count) -> more.merge(name, -count, Integer::sum));
        more.values().removeIf(count -> count == 0);
        return more;
    }

    private Map<String, Integer> launches(String weights, int layers, int sequences) throws Exception {
        LlamaConfig config = new LlamaConfig(40, 32, 64, layers, 4, 2, 8, 1e-5, 10000, RopeScaling.NONE, false, 512);
        try (StoredLlama llama = new StoredLlama(config, weights);
                PagePool pool = new PagePool(config, 2 * sequences, DType.BF16);
                Decoder decoder = new Decoder(llama.network, false)) {
            Generator generator = new Generator(llama.network, () -> null, DType.F32);
            List<PagedCache> caches = new ArrayList<>();
            try (Scope scope = Scope.open(kernels)) {
                for (int i = 0; i < sequences; i++) {
                    caches.add(new PagedCache(pool));
                    generator.read(
                            llama.network.embed(ids(prompt(70 - i, 1))),
                            LlamaNetwork.positions(0, 70L - i),
                            caches.get(i),
                            () -> false);
                }
                long[] next = LongStream.range(0, sequences).toArray();
                decoder.step(next, caches, i -> true);
                return CudaBackend.launches(kernels, () -> decoder.step(next, caches, i -> true));
            } finally {
                caches.forEach(PagedCache::close);
            }
        }
    }
}
