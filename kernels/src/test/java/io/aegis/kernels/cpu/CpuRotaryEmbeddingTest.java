package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static io.aegis.kernels.cpu.Twin.to;

import io.aegis.kernels.DType;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CpuRotaryEmbeddingTest {
    @ParameterizedTest
    @CsvSource({
        "1, 1, 1, 2",
        "2, 13, 3, 72",
        "1, 577, 2, 64",
        "3, 65, 4, 126",
        "1, 1, 32, 128",
        "0, 3, 1, 8",
        "2, 197, 1, 66"
    })
    void bothWays(int b, int n, int h, int d) {
        View packed = random(1, b, n, 3L * h * d);
        View x = packed.slice(2, h * d, 2L * h * d).reshape(b, n, h, d);
        View cos = random(2, b, n, d / 2);
        View sin = random(3, b, n, d / 2);
        View turned = garbage(b, n, h, d);
        for (boolean inverse : new boolean[] {false, true}) {
            Twin.compare("each its positions", to(turned), (k, y) -> k.rotaryEmbedding()
                    .rotate(x, cos, sin, inverse, y[0]));
            Twin.compare("in place", to(random(4, b, n, h, d)), (k, y) -> k.rotaryEmbedding()
                    .rotate(y[0], cos, sin, inverse, y[0]));
            if (b > 0) {
                Twin.compare("one row of positions", to(turned), (k, y) -> k.rotaryEmbedding()
                        .rotate(x, cos.select(0, 0), sin.select(0, 0), inverse, y[0]));
            }
            Twin.compare("heads before tokens", to(garbage(b, h, n, d).transpose(1, 2)), (k, y) -> k.rotaryEmbedding()
                    .rotate(x, cos, sin, inverse, y[0]));
            Twin.compare("gaps", to(turned), (k, y) -> k.rotaryEmbedding()
                    .rotate(TestViews.strided(5, DType.F32, b, n, h, d), cos, sin, inverse, y[0]));
        }
    }
}
