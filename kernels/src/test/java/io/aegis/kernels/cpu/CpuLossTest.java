package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static io.aegis.kernels.cpu.Twin.to;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.DType;
import io.aegis.kernels.Loss;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CpuLossTest {
    @ParameterizedTest
    @CsvSource({"1, 1", "1, 13", "13, 64", "65, 129", "3, 2000", "5, 32001"})
    void crossEntropy(int rows, int classes) {
        View logits = random(1, rows, classes);
        // Far from zero, and not so far apart that the loss is what rounding leaves of nothing.
        Twin.fast().elementwise().affine(logits, 2, 40, logits);
        View target = TestViews.indices(
                LongStream.range(0, rows).map(i -> i * 31 % classes).toArray());
        View p = garbage(rows, classes);
        Twin.compare("loss", to(garbage(1), p), (k, d) -> k.loss().crossEntropy(logits, target, d[0], d[1]));
        Twin.compare("loss alone", to(garbage(1)), (k, d) -> k.loss().crossEntropy(logits, target, d[0], null));
        Twin.fast().loss().crossEntropy(logits, target, garbage(1), p);
        View dloss = random(2, 1);
        Twin.compare(
                "slope", to(garbage(rows, classes)), (k, d) -> k.loss().crossEntropyBackward(p, target, dloss, d[0]));
        View gaps = TestViews.strided(3, DType.F32, rows, classes);
        Twin.compare("gaps", to(garbage(1), p), (k, d) -> k.loss().crossEntropy(gaps, target, d[0], d[1]));
        View wide = random(4, rows, classes + 3).slice(1, 2, 2 + classes);
        Twin.compare("rows apart", to(garbage(1), p), (k, d) -> k.loss().crossEntropy(wide, target, d[0], d[1]));
    }

    /** Every third row takes no part. */
    @ParameterizedTest
    @CsvSource({"1, 1", "48, 2", "13, 64", "5, 1031"})
    void crossEntropyOfSome(int rows, int classes) {
        View logits = random(1, rows, classes);
        View target = TestViews.indices(LongStream.range(0, rows)
                .map(i -> i % 3 == 1 ? Loss.NO_PART : i * 31 % classes)
                .toArray());
        View p = garbage(rows, classes);
        Twin.compare("loss", to(garbage(1), p), (k, d) -> k.loss().crossEntropyOfSome(logits, target, 7, d[0], d[1]));
        Twin.fast().loss().crossEntropyOfSome(logits, target, 7, garbage(1), p);
        View dloss = random(2, 1);
        Twin.compare("slope", to(garbage(rows, classes)), (k, d) -> k.loss()
                .crossEntropyOfSomeBackward(p, target, 7, dloss, d[0]));
    }

    @Test
    void labelsOutsideTheClassesAreRefused() {
        View p = random(1, 2, 3);
        assertThatThrownBy(() -> Twin.fast().loss().crossEntropy(p, TestViews.indices(0, 3), garbage(1), null))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> Twin.fast().loss().crossEntropyBackward(p, TestViews.indices(-1, 0), random(1, 1), p))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }
}
