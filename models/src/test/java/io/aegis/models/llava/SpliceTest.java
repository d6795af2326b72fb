package io.aegis.models.llava;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.DType;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.List;
import org.junit.jupiter.api.Test;

class SpliceTest {
    /** Id i is embedded as (i, 10 i). */
    private static Tensor embed(Tensor ids) {
        double[] out = new double[(int) (2 * ids.size(0))];
        for (int i = 0; i < ids.size(0); i++) {
            out[2 * i] = ids.view().getLong(i);
            out[2 * i + 1] = 10 * out[2 * i];
        }
        return Tensor.of(DType.F32, out, ids.size(0), 2);
    }

    private static Tensor rows(double... values) {
        return Tensor.of(DType.F32, values, values.length / 2, 2);
    }

    @Test
    void eachPlaceholderGivesWayToItsPicture() {
        try (Scope scope = Scope.open()) {
            long[] ids = {1, Splice.IMAGE, 2, 3, Splice.IMAGE};
            Tensor out = Splice.of(ids, Splice.IMAGE, SpliceTest::embed, List.of(rows(.1, .2, .3, .4), rows(.5, .6)));
            assertThat(out.shape()).containsExactly(6, 2);
            assertThat(out.toDoubles())
                    .usingComparatorWithPrecision(1e-6)
                    .containsExactly(1, 10, .1, .2, .3, .4, 2, 20, 3, 30, .5, .6);
        }
    }

    @Test
    void aRunOfPlaceholdersTakesAsManyRows() {
        try (Scope scope = Scope.open()) {
            long[] ids = {9, 9, 4, 9};
            Tensor out = Splice.expanded(ids, 9, SpliceTest::embed, rows(.1, .2, .3, .4, .5, .6));
            assertThat(out.toDoubles())
                    .usingComparatorWithPrecision(1e-6)
                    .containsExactly(.1, .2, .3, .4, 4, 40, .5, .6);
        }
    }

    @Test
    void picturesGetTheGradientsOfTheirPlaces() {
        try (Scope scope = Scope.open();
                Tape tape = Tape.record()) {
            Tensor picture = Tensor.wrap(rows(1, 2, 3, 4).view(), true);
            Tensor out = Splice.of(new long[] {1, -7, 2}, -7, SpliceTest::embed, List.of(picture));
            Tensor loss = Ops.total(out.times(rows(1, 2, 3, 4, 5, 6, 7, 8)));
            try (Gradients g = tape.gradients(loss, List.of(picture))) {
                assertThat(g.of(picture).toDoubles()).containsExactly(3, 4, 5, 6);
            }
        }
    }

    @Test
    void asManyPicturesAsPlaceholders() {
        try (Scope scope = Scope.open()) {
            assertThatThrownBy(() -> Splice.of(new long[] {1, -200}, -200, SpliceTest::embed, List.of()))
                    .hasMessage("the prompt has room for 1 picture and was given 0 pictures (placeholder -200)");
            assertThatThrownBy(() -> Splice.expanded(new long[] {9, 9}, 9, SpliceTest::embed, rows(1, 2)))
                    .hasMessage("the prompt has 2 placeholders (9) for 1 vision tokens");
        }
    }
}
