package io.aegis.training;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.training.dadm.DadmTrainer;
import io.aegis.training.faceshield.FaceShieldTrainer;
import java.lang.reflect.Proxy;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class GradientRangeTest {
    /** The best kernels here, but for what they say of themselves. */
    private static Kernels rounding(DType operands) {
        return (Kernels) Proxy.newProxyInstance(
                Kernels.class.getClassLoader(),
                new Class<?>[] {Kernels.class},
                (self, method, arguments) ->
                        method.getName().equals("operands") ? operands : method.invoke(Backends.best(), arguments));
    }

    @Test
    void halfPrecisionIsRefusedBeforeAnythingElse() {
        Backends.choose(rounding(DType.F16));
        try {
            for (ThrowingCallable train : new ThrowingCallable[] {
                () -> FaceShieldTrainer.train(null, null, null, null),
                () -> FaceShieldTrainer.resume(null, null, null, null),
                () -> DadmTrainer.train(null, null, null),
            }) {
                assertThatThrownBy(train)
                        .isInstanceOf(TrainingException.class)
                        .hasMessageContaining("rounds to F16, in which small gradients become 0")
                        .hasMessageContaining("take bf16 or f32");
            }
        } finally {
            Backends.choose(null);
        }
    }

    @Test
    void theOthersAreTaken() {
        for (DType operands : new DType[] {DType.F32, DType.BF16}) {
            assertThatCode(() -> GradientRange.require(rounding(operands))).doesNotThrowAnyException();
        }
    }
}
