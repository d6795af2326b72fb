package io.aegis.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.cli.workload.Compute;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is measured as bfloat16 is computed by the kernels that round, in every scope; what is not there is not measured. */
class ComputesTest {
    @Test
    void everyScopeHasTheKernelsThatAreMeasured() {
        Kernels rounding = standIn(null);
        Kernels best = standIn(rounding);
        List<String> seen = new ArrayList<>();
        Computes.each(
                best,
                List.of(Compute.F32, Compute.BF16),
                "work",
                (k, c) -> {
                    assertThat(Backends.chosen()).isSameAs(k).isSameAs(c == Compute.F32 ? best : rounding);
                    seen.add(c.toString());
                },
                f -> seen.add(f.toString()));
        assertThat(seen).containsExactly("f32", "bf16");
        assertThat(Backends.chosen()).isSameAs(Backends.best());
        assertThat(Computes.there(best)).containsExactly(Compute.F32, Compute.BF16);
    }

    @Test
    void whatIsNotThereIsNamed() {
        Kernels best = standIn(null);
        List<String> seen = new ArrayList<>();
        Computes.each(best, List.of(Compute.BF16), "work", (k, c) -> seen.add("measured"), f -> seen.add(f.note()));
        assertThat(seen).containsExactly("left out: no such instructions");
        assertThat(Computes.there(best)).containsExactly(Compute.F32);
    }

    /** Kernels that round by others, or by none. */
    private static Kernels standIn(Kernels rounding) {
        return (Kernels) Proxy.newProxyInstance(
                Kernels.class.getClassLoader(),
                new Class<?>[] {Kernels.class},
                (self, method, arguments) -> switch (method.getName()) {
                    case "rounding" -> rounding == null || arguments[0] != DType.BF16 ? self : rounding;
                    case "choices" -> List.of(new Kernels.Choice(Kernels.Choice.BFLOAT16, "", "no such instructions"));
                    case "equals" -> self == arguments[0];
                    case "hashCode" -> System.identityHashCode(self);
                    case "toString" -> "a stand-in";
                    default -> throw new AssertionError(method.getName());
                });
    }
}
