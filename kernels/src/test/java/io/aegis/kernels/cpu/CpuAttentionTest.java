package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static io.aegis.kernels.cpu.Twin.to;

import io.aegis.kernels.Attention;
import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.Backends;
import io.aegis.kernels.View;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CpuAttentionTest {
    private static final Attention WITHOUT_BLAS =
            new CpuAttention(Backends.scalar().attention(), new VectorGemm());

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1, 1, 1",
        "2, 3, 13, 13, 8",
        "1, 2, 63, 65, 64",
        "2, 1, 65, 300, 72",
        "1, 1, 197, 197, 64",
        "1, 1, 129, 577, 13",
        "1, 2, 1, 257, 16",
        "0, 2, 3, 3, 4",
    })
    void forwardAndBackward(int b, int h, int n, int m, int d) {
        double scale = 1 / Math.sqrt(d);
        View q = random(1, b, h, n, d);
        View k = random(2, b, h, m, d);
        View v = random(3, b, h, m, d);
        check(q, k, v, scale);
    }

    @Test
    void headsInsidePackedRows() {
        View qkv = random(1, 2, 65, 3 * 48);
        View[] parts = new View[3];
        for (int i = 0; i < 3; i++) {
            parts[i] =
                    qkv.slice(2, i * 48L, (i + 1) * 48L).reshape(2, 65, 3, 16).transpose(1, 2);
        }
        check(parts[0], parts[1], parts[2], 0.25);
    }

    @Test
    void scoresFarApart() {
        View q = random(1, 1, 1, 5, 8);
        Twin.fast().elementwise().affine(q, 60, 0, q);
        View k = random(2, 1, 1, 600, 8);
        View v = random(3, 1, 1, 600, 8);
        Twin.compare("forward", to(garbage(q.shape()), garbage(1, 1, 5)), (kernels, d) -> kernels.attention()
                .forward(q, k, v, 1, Mask.NONE, d[0], d[1]));
    }

    private static void check(View q, View k, View v, double scale) {
        View out = garbage(q.shape());
        View lse = garbage(q.size(0), q.size(1), q.size(2));
        Twin.compare("forward", to(out, lse), (kernels, d) -> of(kernels, false)
                .forward(q, k, v, scale, Mask.NONE, d[0], d[1]));
        Twin.compare("without lse", to(out), (kernels, d) -> of(kernels, true)
                .forward(q, k, v, scale, Mask.NONE, d[0], null));
        Twin.fast().attention().forward(q, k, v, scale, Mask.NONE, out, lse);
        View dout = random(4, q.shape());
        for (boolean own : new boolean[] {false, true}) {
            Twin.compare("backward", to(garbage(q.shape()), garbage(k.shape()), garbage(v.shape())), (kernels, d) -> of(
                            kernels, own)
                    .backward(q, k, v, scale, Mask.NONE, out, lse, dout, d[0], d[1], d[2]));
        }
    }

    private static Attention of(io.aegis.kernels.Kernels k, boolean withoutBlas) {
        return withoutBlas && k.name().equals("cpu") ? WITHOUT_BLAS : k.attention();
    }
}
