package io.aegis.layers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.View;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Linears and embeddings whose weights have 8 or 4 bits. */
class QuantizedParametersTest {
    private static final long ROWS = 13;
    private static final long COLUMNS = 96;

    private final Arena arena = Arena.ofShared();
    private final Parameters p = new Parameters();
    private final Map<String, View> file = new LinkedHashMap<>();

    @AfterEach
    void close() {
        p.close();
        arena.close();
    }

    /** A matrix in groups of 32, under its name and that of its scales. */
    private QuantizedWeight matrix(String name, Format format) {
        View codes = View.allocate(arena, format.codes(), ROWS, format.width(COLUMNS));
        for (long i = 0; i < codes.elements(); i++) {
            codes.setAt(i, format == Format.INT8 ? i * 37 % 255 - 127 : i * 41 % 256);
        }
        View scales = View.allocate(arena, DType.F32, ROWS, COLUMNS / 32);
        for (long i = 0; i < scales.elements(); i++) {
            scales.setAt(i, 0.01 + 0.001 * i);
        }
        file.put(name, codes);
        file.put(name + "_scale", scales);
        return new QuantizedWeight(codes, scales);
    }

    private View widened(QuantizedWeight w) {
        View wide = View.allocate(arena, DType.F32, ROWS, COLUMNS);
        Backends.scalar().quantizedMatmul().widen(w, wide);
        return wide;
    }

    private static Tensor input() {
        double[] x = new double[(int) (3 * COLUMNS)];
        for (int i = 0; i < x.length; i++) {
            x[i] = Math.sin(i);
        }
        return Tensor.of(DType.F32, x, 3, COLUMNS);
    }

    @ParameterizedTest
    @EnumSource(Format.class)
    void aLinearIsThatOfTheWidenedWeight(Format format) {
        Linear linear = new Linear(p.at("fc"), COLUMNS, ROWS, true);
        QuantizedWeight w = matrix("fc.weight", format);
        file.put("fc.bias", View.allocate(arena, DType.F32, ROWS));
        file.get("fc.bias").setAt(4, 2.5);
        p.loadAsStored("model.safetensors", file.keySet(), file::get);
        assertThat(linear.weight().isQuantized()).isTrue();
        assertThat(linear.weight().quantized().codes().buffer())
                .isSameAs(w.codes().buffer());
        try (Parameters twin = new Parameters();
                Scope scope = Scope.open()) {
            Linear wide = new Linear(twin.at("fc"), COLUMNS, ROWS, true);
            Map<String, View> whole = Map.of("fc.weight", widened(w), "fc.bias", file.get("fc.bias"));
            twin.loadAsStored("model.safetensors", whole.keySet(), whole::get);
            assertThat(linear.of(input()).toDoubles())
                    .containsExactly(wide.of(input()).toDoubles(), within(1e-4));
            assertThat(linear.ofRows(input()).toDoubles())
                    .containsExactly(wide.ofRows(input()).toDoubles(), within(1e-4));
        }
    }

    @ParameterizedTest
    @EnumSource(Format.class)
    void anEmbeddingIsLookedUpAndScoresWithTheSameTable(Format format) {
        Embedding embedding = new Embedding(p.at("tokens"), ROWS, COLUMNS);
        View wide = widened(matrix("tokens.weight", format));
        p.loadAsStored("model.safetensors", file.keySet(), file::get);
        try (Scope scope = Scope.open()) {
            Tensor rows = embedding.of(Tensor.of(new long[] {12, 0, 12}, 1, 3));
            assertThat(rows.shape()).containsExactly(1, 3, COLUMNS);
            assertThat(rows.slice(1, 0, 1).toDoubles())
                    .isEqualTo(wide.slice(0, 12, 13).toDoubles());
            assertThat(rows.slice(1, 1, 2).toDoubles())
                    .isEqualTo(wide.slice(0, 0, 1).toDoubles());
            double[] scores = embedding.scores(input()).toDoubles();
            assertThat(scores).hasSize((int) (3 * ROWS));
            assertThat(embedding.scoresOfRows(input()).toDoubles()).containsExactly(scores, within(1e-4));
            assertThatThrownBy(() -> embedding.of(Tensor.of(new long[] {ROWS}, 1)))
                    .hasMessageContaining("no row 13");
        }
    }

    @Test
    void copiesOfAnotherTypeAreWidened() {
        new Linear(p.at("fc"), COLUMNS, ROWS, false);
        QuantizedWeight w = matrix("fc.weight", Format.INT4);
        p.load("model.safetensors", file.keySet(), file::get, DType.F64, false);
        assertThat(p.get("fc.weight").view().toDoubles()).isEqualTo(widened(w).toDoubles());
    }

    @Test
    void whatWouldBeTrainedIsRefused() {
        new Linear(p.at("fc"), COLUMNS, ROWS, false);
        matrix("fc.weight", Format.INT8);
        assertThatThrownBy(() -> p.loadAsStored("model.safetensors", file.keySet(), file::get, any -> true))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(
                        "model.safetensors: fc.weight[13, 96] would be trained, but quantised weights cannot be")
                .hasMessageContaining("train adapters on them");
    }

    @Test
    void whatDoesNotBelongTogetherIsNamed() {
        new Linear(p.at("a"), COLUMNS, ROWS, false);
        new Linear(p.at("b"), 2 * COLUMNS, ROWS, false);
        new LayerNorm(p.at("c"), ROWS, 1e-5);
        matrix("a.weight", Format.INT8);
        matrix("b.weight", Format.INT4);
        file.put("c.weight", View.allocate(arena, DType.I8, ROWS));
        file.put("c.bias", View.allocate(arena, DType.F32, ROWS));
        file.remove("a.weight_scale");
        assertThatThrownBy(() -> p.loadAsStored("model.safetensors", file.keySet(), file::get))
                .hasMessageContaining("missing tensor a.weight_scale, the scales of ")
                .hasMessageContaining("tensor b.weight is quantised with shape [13, 96], expected [13, 192]")
                .hasMessageContaining("tensor c.weight has dtype I8, expected a floating one");
    }
}
