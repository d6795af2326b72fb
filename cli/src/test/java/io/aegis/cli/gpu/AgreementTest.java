package io.aegis.cli.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.cli.gpu.bench.AttentionWork;
import io.aegis.cli.gpu.bench.Bench;
import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.CudaException;
import io.aegis.kernels.cuda.Precision;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** What a card is asked at large shapes, at small ones in the emulator. */
class AgreementTest {
    private static Kernels emulator() {
        try {
            return CudaBackend.emulator(Precision.BF16);
        } catch (CudaException e) {
            Assumptions.abort("the CUDA kernels are not run: " + e.getMessage());
            throw e;
        }
    }

    @Test
    void bothWaysAgree() throws Exception {
        Kernels kernels = emulator();
        try (AutoCloseable owner = (AutoCloseable) kernels) {
            List<Line> lines = new ArrayList<>();
            Section.Listener out = new Section.Listener() {
                @Override
                public void begins(String row) {}

                @Override
                public void says(Line line) {
                    lines.add(line);
                }
            };
            Section.Extent all = new Section.Extent(null, 0, false, null);
            new SectionRun(kernels, Section.HOPPER_LARGE, all, out).agree(Bench.Size.TINY);
            assertThat(lines).hasSize(8).noneMatch(Line::failed);
            assertThat(lines.stream().filter(l -> l.note().contains("y ")))
                    .as("all products and a convolution")
                    .hasSize(5)
                    .allMatch(l -> l.note().startsWith("apart, of the largest value: y "));
            assertThat(Agreement.of(kernels, new AttentionWork(1, 2, 130, 64, true, true))
                            .note())
                    .startsWith("apart, of the largest value: dQ ")
                    .contains(", dK ", ", dV ");
            assertThat(kernels.memory().liveBytes()).isZero();
        }
    }

    @Test
    void oneElementIsEnough() {
        try (Arena arena = Arena.ofConfined()) {
            View a = View.of(Buffer.allocate(arena, 40), DType.F32, 2, 5);
            View b = View.of(Buffer.allocate(arena, 40), DType.F32, 2, 5);
            for (int i = 0; i < 10; i++) {
                a.setAt(i, i - 8);
                b.setAt(i, i - 8);
            }
            assertThat(Agreement.difference(a, b)).isZero();
            b.setAt(9, 2);
            assertThat(Agreement.difference(a, b)).isEqualTo(1.0 / 8);
            b.setAt(9, Double.NaN);
            assertThat(Agreement.difference(a, b)).isInfinite();
            a.setAt(9, Double.NaN);
            assertThat(Agreement.difference(a, b)).isZero();
        }
    }
}
