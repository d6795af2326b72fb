package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.compare;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Loss;
import io.aegis.kernels.Recording;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CudaMeansTest {
    private static View state(long seed, int classes, int width) {
        return TestViews.random(seed, DType.F64, 3, classes, width);
    }

    /** Some classes are absent, and some rows are of none; the state is in double, so that only sums' order would show. */
    @ParameterizedTest
    @CsvSource({"1, 1, 1", "16, 5, 768", "7, 4, 300", "33, 9, 31"})
    void prototypes(int rows, int classes, int width) {
        View classOf = TestViews.indices(
                LongStream.range(0, rows).map(i -> i * 7 % (classes + 2) - 1).toArray());
        for (boolean dense : new boolean[] {true, false}) {
            List<View> x = LongStream.range(1, 4)
                    .mapToObj(k -> dense ? random(k, rows, width) : TestViews.strided(k, DType.F32, rows, width))
                    .toList();
            for (int way = 0; way < 8; way++) {
                Loss.PrototypesOf of =
                        new Loss.PrototypesOf(x, classOf, TestViews.indices(way & 1), (way & 2) != 0, (way & 4) != 0);
                View[] into = to(state(5, classes, width), garbage(3, classes, width));
                compare("prototypes", Precision.F32, 1e-15, into, (k, d) -> k.loss()
                        .prototypes(of, d[0], d[1]));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "16, 768", "3, 33"})
    void means(int rows, int width) {
        List<View> tokens = List.of(
                random(1, rows, 1, width), TestViews.strided(2, DType.F32, rows, 1, width), random(3, 2 * rows, width));
        for (int n = 1; n <= 3; n++) {
            List<View> some = tokens.subList(0, n);
            compare("means", Precision.F32, 1e-14, to(TestViews.garbage(DType.F64, n)), (k, d) -> k.mutualInformation()
                    .means(some, d[0]));
        }
    }

    /** One launch, which reads whose rows they are, and whether there is momentum, when it runs. */
    @Test
    void prototypesAreDecidedOnTheDevice() {
        Kernels k = CudaTwin.kernels(Precision.F32);
        List<View> x = List.of(random(1, 4, 9), random(2, 4, 9), random(3, 4, 9));
        View classes = TestViews.indices(0, 1, 0, 1);
        View momentum = TestViews.indices(0);
        View state = state(4, 2, 9);
        View to = garbage(3, 2, 9);
        Runnable work = () -> k.loss().prototypes(new Loss.PrototypesOf(x, classes, momentum, false, true), state, to);
        assertThat(CudaBackend.launches(k, work)).isEqualTo(Map.of("class_means", 1));
        View before = TestViews.copies(to(state))[0];
        Recording recording = k.record(work);
        momentum.setLongAt(0, 1);
        classes.setLongAt(1, 0);
        classes.setLongAt(3, 0); // class 1 is absent now, and keeps what it was
        recording.launch();
        recording.close();
        assertThat(state.select(0, 2).select(0, 1).toDoubles())
                .isEqualTo(before.select(0, 2).select(0, 1).toDoubles());
        View expected = TestViews.copies(to(before))[0];
        k.loss().prototypes(new Loss.PrototypesOf(x, classes, momentum, false, true), expected, garbage(3, 2, 9));
        assertThat(state.toDoubles()).isEqualTo(expected.toDoubles());
    }
}
