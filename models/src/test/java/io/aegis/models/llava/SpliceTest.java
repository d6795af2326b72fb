package io.aegis.models.llava;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.DType;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class SpliceTest {
    /** Row i of the table is (i, i). */
    private static final UnaryOperator<Tensor> EMBED = ids -> {
        Tensor table = Tensor.of(DType.F32, new double[] {0, 0, 1, 1, 2, 2, 3, 3}, 4, 2);
        return Ops.gather(table, ids);
    };

    private static Tensor pictures(int rows) {
        double[] values = new double[rows * 2];
        for (int i = 0; i < values.length; i++) {
            values[i] = 100 + i;
        }
        return Tensor.of(DType.F32, values, rows, 2);
    }

    @Test
    void oneIdStandsForAllRowsOfAPicture() {
        try (Scope scope = Scope.open()) {
            Splice splice = Splice.of(new long[] {3, -200, 1}, -200, 2);
            assertThat(splice.length()).isEqualTo(4);
            assertThat(splice.pictureRows()).isEqualTo(2);
            assertThat(splice.text()).containsExactly(3, 1);
            assertThat(splice.of(EMBED, pictures(2)).toDoubles()).containsExactly(3, 3, 100, 101, 102, 103, 1, 1);
            assertThat(splice.spread(new long[] {7, 8, 9}, -1)).containsExactly(7, -1, -1, 9);
        }
    }

    @Test
    void twoPicturesAreTakenInOrder() {
        try (Scope scope = Scope.open()) {
            Splice splice = Splice.of(new long[] {-200, 2, -200}, -200, 1);
            assertThat(splice.of(EMBED, pictures(2)).toDoubles()).containsExactly(100, 101, 2, 2, 102, 103);
            assertThat(splice.isPicture(0)).isTrue();
            assertThat(splice.isPicture(1)).isFalse();
        }
    }

    @Test
    void otherNumbersOfRowsAreRefused() {
        try (Scope scope = Scope.open()) {
            Splice splice = Splice.of(new long[] {1, -200}, -200, 3);
            assertThatThrownBy(() -> splice.of(EMBED, pictures(2)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("3 rows")
                    .hasMessageContaining("given 2");
        }
    }
}
