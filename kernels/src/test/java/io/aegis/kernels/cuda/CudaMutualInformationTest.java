package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.compare;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;

import io.aegis.kernels.DType;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CudaMutualInformationTest {
    @ParameterizedTest
    @CsvSource({"1, 1", "2, 13", "16, 768", "7, 65"})
    void bothDirections(int rows, int width) {
        View pa = TestViews.indices(
                LongStream.range(0, rows).map(i -> (i + 1) % rows).toArray());
        View pb = TestViews.indices(
                LongStream.range(0, rows).map(i -> rows - 1 - i).toArray());
        View b = random(2, rows, width);
        View dloss = random(3, 1);
        for (View a : to(random(1, rows, width), TestViews.strided(1, DType.F32, rows, width))) {
            compare("loss", to(garbage(1)), (k, d) -> k.mutualInformation().forward(a, b, pa, pb, d[0]));
            compare("slopes", to(garbage(rows, width), a), (k, d) -> k.mutualInformation()
                    .backward(a, b, pa, pb, dloss, d[0], d[1]));
            compare("one slope", to(garbage(rows, width)), (k, d) -> k.mutualInformation()
                    .backward(a, b, pa, pb, dloss, null, d[0]));
        }
    }

    /** Rows may come more than once, and values may be beyond what float32 can exponentiate. */
    @Test
    void repeatedRowsAndLargeValues() {
        View a = TestViews.of(DType.F32, new long[] {3, 2}, 100, 2, 300, 4, 5, 600);
        View b = TestViews.of(DType.F32, new long[] {3, 2}, 1, 200, 3, 400, 5, 6);
        View pa = TestViews.indices(2, 2, 0);
        View pb = TestViews.indices(1, 0, 1);
        View dloss = random(3, 1);
        compare("loss", to(garbage(1)), (k, d) -> k.mutualInformation().forward(a, b, pa, pb, d[0]));
        compare("slopes", to(garbage(3, 2), garbage(3, 2)), (k, d) -> k.mutualInformation()
                .backward(a, b, pa, pb, dloss, d[0], d[1]));
    }
}
