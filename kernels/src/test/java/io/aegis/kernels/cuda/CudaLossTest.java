package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.compare;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Loss;
import io.aegis.kernels.Recording;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CudaLossTest {
    @ParameterizedTest
    @CsvSource({"1, 1", "1, 13", "13, 64", "65, 129", "3, 2000", "2, 9001"})
    void crossEntropy(int rows, int classes) {
        View logits = random(1, rows, classes);
        // Far from zero, and not so far apart that the loss is what rounding leaves of nothing.
        Backends.scalar().elementwise().affine(logits, 2, 40, logits);
        View target = TestViews.indices(
                LongStream.range(0, rows).map(i -> i * 31 % classes).toArray());
        View p = garbage(rows, classes);
        compare("loss", to(garbage(1), p), (k, d) -> k.loss().crossEntropy(logits, target, d[0], d[1]));
        compare("loss alone", to(garbage(1)), (k, d) -> k.loss().crossEntropy(logits, target, d[0], null));
        Backends.scalar().loss().crossEntropy(logits, target, garbage(1), p);
        View dloss = random(2, 1);
        compare("slope", to(p), (k, d) -> k.loss().crossEntropyBackward(p, target, dloss, d[0]));
        compare("slope in place", to(p), (k, d) -> k.loss().crossEntropyBackward(d[0], target, dloss, d[0]));
        View gaps = TestViews.strided(3, DType.F32, rows, classes);
        compare("gaps", to(garbage(1), gaps), (k, d) -> k.loss().crossEntropy(gaps, target, d[0], d[1]));
        compare("slope into gaps", to(gaps), (k, d) -> k.loss().crossEntropyBackward(p, target, dloss, d[0]));
    }

    /** Loss and slopes are rounded once. */
    @ParameterizedTest
    @CsvSource({"1, 1", "1, 13", "13, 64", "65, 129", "3, 2000", "2, 9001"})
    void crossEntropyOf16Bits(int rows, int classes) {
        View target = TestViews.indices(
                LongStream.range(0, rows).map(i -> i * 31 % classes).toArray());
        for (DType type : CudaTwin.NARROW) {
            double most = CudaTwin.rounding(type);
            View one = TestViews.garbage(type, 1);
            for (View z : to(TestViews.random(1, type, rows, classes), TestViews.strided(3, type, rows, classes))) {
                Backends.scalar().elementwise().affine(z, 2, 4, z);
                View p = TestViews.garbage(type, rows, classes);
                compare(type + " loss", Precision.F32, most, to(one, p), (k, d) -> k.loss()
                        .crossEntropy(z, target, d[0], d[1]));
                compare(type + " loss alone", Precision.F32, most, to(one), (k, d) -> k.loss()
                        .crossEntropy(z, target, d[0], null));
                Backends.scalar().loss().crossEntropy(z, target, TestViews.garbage(type, 1), p);
                View dloss = TestViews.random(2, type, 1);
                compare(type + " slope", Precision.F32, most, to(z), (k, d) -> k.loss()
                        .crossEntropyBackward(p, target, dloss, d[0]));
                compare(type + " slope in place", Precision.F32, most, to(p), (k, d) -> k.loss()
                        .crossEntropyBackward(d[0], target, dloss, d[0]));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 1", "16, 2, 768", "5, 13, 33"})
    void distancesOf16Bits(int rows, int centres, int width) {
        for (DType type : CudaTwin.NARROW) {
            double most = CudaTwin.rounding(type);
            View x = TestViews.random(1, type, rows, width);
            View p = TestViews.random(2, type, centres, width);
            View y = TestViews.garbage(type, rows, centres);
            compare(type + " distance", Precision.F32, most, to(y), (k, d) -> k.loss()
                    .negativeDistance(x, p, d[0]));
            Backends.scalar().loss().negativeDistance(x, p, y);
            View dy = TestViews.random(3, type, rows, centres);
            compare(type + " slope", Precision.F32, most, to(x), (k, d) -> k.loss()
                    .negativeDistanceBackward(x, p, y, dy, false, d[0]));
        }
    }

    /** Every third row takes no part, whatever it holds. */
    @ParameterizedTest
    @CsvSource({"1, 1", "48, 2", "13, 64", "65, 129", "4, 2000"})
    void crossEntropyOfSome(int rows, int classes) {
        View logits = random(1, rows, classes);
        View target = TestViews.indices(LongStream.range(0, rows)
                .map(i -> i % 3 == 1 ? Loss.NO_PART : i * 31 % classes)
                .toArray());
        for (int i = 1; i < rows; i += 3) {
            logits.set(Double.NaN, i, 0);
        }
        View p = garbage(rows, classes);
        compare("loss", to(garbage(1)), (k, d) -> k.loss().crossEntropyOfSome(logits, target, 7, d[0], null));
        Backends.scalar().loss().crossEntropyOfSome(logits, target, 7, garbage(1), p);
        View dloss = random(2, 1);
        compare("slope", to(p), (k, d) -> k.loss().crossEntropyOfSomeBackward(p, target, 7, dloss, d[0]));
        View gaps = TestViews.strided(3, DType.F32, rows, classes);
        compare("slope into gaps", to(gaps), (k, d) -> k.loss().crossEntropyOfSomeBackward(p, target, 7, dloss, d[0]));
    }

    /** Only -1 takes no part, and only where rows may. */
    @Test
    void aLabelThatIsNoneIsNotANumberAmongSome() {
        View loss = random(1, 1);
        Loss k = CudaTwin.kernels(Precision.F32).loss();
        k.crossEntropyOfSome(random(2, 2, 3), TestViews.indices(0, -2), 1, loss, null);
        assertThat(loss.getAt(0)).isNaN();
        k.crossEntropy(random(2, 2, 3), TestViews.indices(0, -1), loss, null);
        assertThat(loss.getAt(0)).isNaN();
    }

    /** Which rows take part is what memory says when a recording is launched. */
    @Test
    void whoTakesPartIsDecidedOnTheDevice() {
        Kernels k = CudaTwin.kernels(Precision.F32);
        View logits = random(1, 6, 2);
        View target = TestViews.indices(0, 1, Loss.NO_PART, 1, 0, Loss.NO_PART);
        View loss = garbage(1);
        Runnable work = () -> k.loss().crossEntropyOfSome(logits, target, 6, loss, null);
        work.run();
        double before = loss.getAt(0);
        Recording recording = k.record(work);
        target.setLongAt(1, Loss.NO_PART);
        target.setLongAt(2, 1);
        recording.launch();
        double launched = loss.getAt(0);
        recording.close();
        work.run();
        assertThat(launched).isEqualTo(loss.getAt(0)).isNotEqualTo(before);
    }

    @Test
    void logitsThatAreNotFinite() {
        double inf = Double.POSITIVE_INFINITY;
        View z = TestViews.of(DType.F32, new long[] {1, 4}, -inf, 3, -inf, 2);
        for (int label : new int[] {0, 1}) {
            View t = TestViews.indices(label);
            compare("masked", to(garbage(1), garbage(1, 4)), (k, d) -> k.loss().crossEntropy(z, t, d[0], d[1]));
        }
        for (double bad : new double[] {inf, Double.NaN}) {
            View b = TestViews.of(DType.F32, new long[] {1, 4}, 1, bad, 3, 4);
            compare("bad", to(garbage(1), garbage(1, 4)), (k, d) -> k.loss()
                    .crossEntropy(b, TestViews.indices(0), d[0], d[1]));
        }
        View none = TestViews.of(DType.F32, new long[] {1, 2}, -inf, -inf);
        compare("none", to(garbage(1), garbage(1, 2)), (k, d) -> k.loss()
                .crossEntropy(none, TestViews.indices(0), d[0], d[1]));
    }

    @Test
    void aLabelThatIsNoneIsNotANumber() {
        View loss = random(1, 1);
        CudaTwin.kernels(Precision.F32).loss().crossEntropy(random(2, 2, 3), TestViews.indices(0, 3), loss, null);
        assertThat(loss.getAt(0)).isNaN();
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 1", "16, 2, 768", "5, 13, 33", "3, 4, 300"})
    void distances(int rows, int centres, int width) {
        for (View x : to(random(1, rows, width), TestViews.strided(1, DType.F32, rows, width))) {
            View p = random(2, centres, width);
            compare("distance", to(garbage(rows, centres)), (k, d) -> k.loss().negativeDistance(x, p, d[0]));
            View y = garbage(rows, centres);
            Backends.scalar().loss().negativeDistance(x, p, y);
            View dy = random(3, rows, centres);
            compare("slope", to(x), (k, d) -> k.loss().negativeDistanceBackward(x, p, y, dy, false, d[0]));
        }
    }

    @Test
    void aDistanceOfNothing() {
        View x = random(1, 2, 40);
        View p = random(1, 2, 40);
        View y = garbage(2, 2);
        Backends.scalar().loss().negativeDistance(x, p, y);
        View dy = random(3, 2, 2);
        for (boolean zero : new boolean[] {false, true}) {
            compare("at a centre", to(garbage(2, 40)), (k, d) -> k.loss()
                    .negativeDistanceBackward(x, p, y, dy, zero, d[0]));
        }
    }
}
