package io.aegis.kernels.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.View;
import java.lang.reflect.Proxy;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KernelCheckTest {
    @Test
    void theProcessorsKernelsAreRight() {
        assertThat(KernelCheck.run(Backends.best(), false, 4, 1, 1))
                .hasSize(4 * Cases.ALL.size())
                .allSatisfy(o -> assertThat(o.problem()).as(o.name()).isNull());
    }

    @Test
    void largeCallsAreRight() {
        assertThat(KernelCheck.runLarge(Backends.best(), false, 1, 1, 1, name -> true))
                .hasSize(Cases.LARGE.size())
                .allSatisfy(o -> assertThat(o.problem()).as(o.name()).isNull());
    }

    @Test
    void attentionIsRight() {
        assertThat(KernelCheck.runAttention(Backends.best(), 1, 1, 1, name -> true))
                .hasSize(Cases.ATTENTION.size())
                .allSatisfy(o -> assertThat(o.problem()).as(o.name()).isNull());
    }

    /** A product that is right but for one element, or that writes one element too far. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void oneWrongElementIsFound(boolean outside) {
        Kernels right = Backends.scalar();
        Matmul wrong = new Matmul() {
            @Override
            public void multiply(View a, View b, View c, Epilogue epilogue) {
                right.matmul().multiply(a, b, c, epilogue);
                c.setAt(outside ? c.offset() + c.elements() : c.offset(), 1e3);
            }

            @Override
            public void multiplyRows(View a, View b, View c, Epilogue epilogue) {
                right.matmul().multiplyRows(a, b, c, epilogue);
            }
        };
        Kernels spoilt = (Kernels) Proxy.newProxyInstance(
                Kernels.class.getClassLoader(),
                new Class<?>[] {Kernels.class},
                (proxy, method, arguments) ->
                        method.getName().equals("matmul") ? wrong : method.invoke(right, arguments));

        List<KernelCheck.Outcome> failed = KernelCheck.run(spoilt, false, 2, 1, 1).stream()
                .filter(o -> o.problem() != null)
                .toList();

        assertThat(failed)
                .hasSize(4)
                .allSatisfy(o -> assertThat(o.name()).startsWith("matmul"))
                .allSatisfy(o -> assertThat(o.problem())
                        .startsWith(outside ? "wrote outside destination 0, at element " : "differs by "));
    }
}
