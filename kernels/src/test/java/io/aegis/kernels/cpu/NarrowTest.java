package io.aegis.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.DType;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NarrowTest {
    /** Any bits at all, and those whose lower half decides: ties, carries into the exponent, NaN with a low payload. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7, 8, 13, 31, 64, 65, 5000})
    void float32BitForBit(int n) {
        View x = TestViews.zeros(DType.F32, n + 3);
        SplittableRandom random = new SplittableRandom(n);
        int[] lower = {0, 0x7fff, 0x8000, 0x8001, 0xffff, 1};
        int[] upper = {0x7f7f, 0x7f80, 0xff80, 0x7fc0, 0xffff, 0, 0x8000, 0x3f80, 0x3f81, 1};
        for (int i = 0; i < n; i++) {
            int bits = i % 3 == 0 ? random.nextInt() : upper[random.nextInt(10)] << 16 | lower[random.nextInt(6)];
            x.segment().setAtIndex(ValueLayout.JAVA_INT, i + 3, bits);
        }
        View y = TestViews.zeros(DType.BF16, n + 5);
        Narrow.row(DType.F32, x.segment(), 3, y.segment(), 2, n);
        for (int i = 0; i < n; i++) {
            float from = x.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i + 3);
            assertThat(y.segment().getAtIndex(ValueLayout.JAVA_SHORT, i + 2))
                    .as("%s, %x", from, Float.floatToRawIntBits(from))
                    .isEqualTo(View.bfloat16(from));
        }
        for (int outside : new int[] {0, 1, n + 2, n + 3, n + 4}) {
            assertThat(y.segment().getAtIndex(ValueLayout.JAVA_SHORT, outside)).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 31, 65, 5000})
    void float16AndBfloat16(int n) {
        for (DType type : new DType[] {DType.F16, DType.BF16}) {
            View x = TestViews.random(1, type, n + 1);
            View y = TestViews.zeros(DType.BF16, n + 1);
            Narrow.row(type, x.segment(), 1, y.segment(), 1, n);
            for (int i = 1; i <= n; i++) {
                assertThat(y.segment().getAtIndex(ValueLayout.JAVA_SHORT, i))
                        .isEqualTo(View.bfloat16((float) x.get(i)));
            }
        }
    }
}
