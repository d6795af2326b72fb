package io.aegis.kernels;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class GradientCheckTest {
    @Test
    void namesWhatIsWrong() {
        View x = TestViews.of(DType.F64, new long[] {1, 2}, 3, 5);
        View y = TestViews.zeros(DType.F64, 1);
        View dy = TestViews.of(DType.F64, new long[] {1}, 1);
        View dx = TestViews.of(DType.F64, new long[] {1, 2}, 6, 11);
        GradientCheck check = new GradientCheck("squares", y, dy, () -> {
            y.set(x.get(0, 0) * x.get(0, 0) + x.get(0, 1) * x.get(0, 1), 0);
        });
        assertThatThrownBy(() -> check.input("x", x, dx))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("squares")
                .hasMessageContaining("x[0, 1]")
                .hasMessageContaining("11.0")
                .hasMessageContaining("finite differences give 9.99999999");
    }

    @Test
    void rejectsNaN() {
        View x = TestViews.of(DType.F64, new long[] {1}, 3);
        View y = TestViews.zeros(DType.F64, 1);
        View dy = TestViews.of(DType.F64, new long[] {1}, 1);
        View dx = TestViews.garbage(DType.F64, 1);
        GradientCheck check = new GradientCheck("identity", y, dy, () -> y.set(x.get(0), 0));
        assertThatThrownBy(() -> check.input("x", x, dx)).isInstanceOf(AssertionError.class);
    }
}
