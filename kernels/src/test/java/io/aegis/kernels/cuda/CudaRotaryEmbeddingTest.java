package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;

import io.aegis.kernels.DType;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Two numbers that nearly agree may round to neighbours: 2^-7 of a bfloat16 apart, 2^-10 of a half. */
class CudaRotaryEmbeddingTest {
    @ParameterizedTest
    @CsvSource({
        "F32, 1, 1, 1, 2, 1e-5",
        "F32, 2, 13, 3, 72, 1e-5",
        "F32, 1, 65, 2, 26, 1e-5",
        "F32, 0, 3, 2, 8, 1e-5",
        "F32, 1, 3, 2, 0, 1e-5",
        "BF16, 2, 13, 3, 128, 0.0079",
        "BF16, 1, 5, 1, 24, 0.0079",
        "F16, 2, 7, 2, 64, 0.00098",
    })
    void turnsAndTurnsBack(DType type, int b, int n, int h, int d, double tolerance) {
        View x = TestViews.random(1, type, b, n, h, d);
        for (View angles : new View[] {random(2, n, d / 2), random(3, b, n, d / 2)}) {
            View cos = TestViews.dense(angles);
            View sin = TestViews.dense(angles);
            View c = f32(cos, true);
            View s = f32(sin, false);
            for (boolean inverse : new boolean[] {false, true}) {
                CudaTwin.compare(
                        "turned",
                        Precision.BF16,
                        tolerance,
                        to(TestViews.garbage(type, x.shape())),
                        (kernels, y) -> kernels.rotaryEmbedding().rotate(x, c, s, inverse, y[0]));
            }
        }
    }

    private static View f32(View angles, boolean cos) {
        View out = TestViews.zeros(DType.F32, angles.shape());
        for (long i = 0; i < angles.elements(); i++) {
            double angle = angles.getAt(angles.position(i));
            out.setAt(i, cos ? Math.cos(angle) : Math.sin(angle));
        }
        return out;
    }

    @Test
    void inPlaceAndInsidePackedRows() {
        View cos = f32(random(1, 5, 8), true);
        View sin = f32(random(1, 5, 8), false);
        View x = random(2, 2, 5, 3, 16);
        CudaTwin.compare(
                "in place", to(x), (kernels, y) -> kernels.rotaryEmbedding().rotate(y[0], cos, sin, false, y[0]));
        View packed = random(3, 2, 5, 96).slice(2, 48, 96).reshape(2, 5, 3, 16);
        CudaTwin.compare(
                "packed", to(packed), (kernels, y) -> kernels.rotaryEmbedding().rotate(y[0], cos, sin, true, y[0]));
        View odd = random(4, 2, 5, 97).slice(2, 1, 49).reshape(2, 5, 3, 16);
        CudaTwin.compare("at any place", to(odd), (kernels, y) -> kernels.rotaryEmbedding()
                .rotate(y[0], cos, sin, false, y[0]));
    }
}
