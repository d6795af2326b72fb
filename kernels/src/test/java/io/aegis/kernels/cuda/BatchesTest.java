package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.DType;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BatchesTest {
    @Test
    void dimensionsThatAllStepThroughAsOneAreJoined() {
        View x = view(2, 3, 4, 5, 6);
        Batches joined = Batches.of(x, x);
        assertThat(joined.inner()).isEqualTo(24);
        assertThat(joined.outer()).isEqualTo(1);
        assertThat(joined.innerStrides()).containsExactly(30, 30);

        Batches two = Batches.of(x, view(2, 1, 1, 5, 6).expand(2, 3, 4, 5, 6));
        assertThat(two.inner()).isEqualTo(12);
        assertThat(two.outer()).isEqualTo(2);
        assertThat(two.innerStrides()).containsExactly(30, 0);
        assertThat(two.outerStrides()).containsExactly(360, 30);
    }

    @Test
    void sizesOfOneDoNotCount() {
        Batches one = Batches.of(view(1, 1, 5, 6), view(1, 1, 6, 5));
        assertThat(one.count()).isEqualTo(1);
        assertThat(one.innerStrides()).containsExactly(0, 0);
        assertThat(Batches.of(view(5, 6)).count()).isEqualTo(1);
    }

    @Test
    void threeAreTooMany() {
        assertThat(Batches.of(view(2, 3, 4, 5, 6).permute(2, 1, 0, 3, 4))).isNull();
    }

    @Test
    void aGridTakesAsManyAsItCan() {
        List<String> pieces = new ArrayList<>();
        Batches.Piece piece = (i, o, inner, outer) -> pieces.add(i + " " + o + " " + inner + " " + outer);
        new Batches(100, 300, new long[1], new long[1]).each(2, piece);
        new Batches(40000, 2, new long[1], new long[1]).each(2, piece);
        new Batches(70000, 1, new long[1], new long[1]).each(1, piece);
        assertThat(pieces)
                .containsExactly(
                        "0 0 100 300",
                        "0 0 32767 1",
                        "32767 0 7233 1",
                        "0 1 32767 1",
                        "32767 1 7233 1",
                        "0 0 65535 1",
                        "65535 0 4465 1");
    }

    private static View view(long... shape) {
        return TestViews.zeros(DType.F32, shape);
    }
}
