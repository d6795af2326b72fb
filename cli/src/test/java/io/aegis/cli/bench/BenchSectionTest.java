package io.aegis.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import io.aegis.cli.workload.Compute;
import io.aegis.cli.workload.Measurement;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Kernels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What sections say of something tiny, beside ceilings that were not measured. */
class BenchSectionTest {
    private static final Ceilings CEILINGS = new Ceilings(
            List.of(new Ceiling("fma, 1", 100, "GFLOP/s"), new Ceiling("fma, all", 180, "GFLOP/s")),
            List.of(new Ceiling("read, 1", 10, "GB/s"), new Ceiling("read, all", 15, "GB/s")),
            new Ceiling("product", 150, "GFLOP/s"),
            List.of(new Ceiling("bf16, 1", 1000, "GFLOP/s"), new Ceiling("bf16, all", 1900, "GFLOP/s")));

    @ParameterizedTest
    @CsvSource({
        "VISION, siglip-tiny, F32, 1",
        "PREFILL, llama-tiny, BF16, 1",
        "DADM, dadm-tiny, F32, 4",
        "GEMM, 9x64x40, BF16, 1",
        "FACESHIELD, bunny-tiny, INT4, 6",
    })
    void figuresInBfloatAreNamedAndHeldAgainstItsProducts(
            BenchSection section, String shape, WeightType type, int figures) {
        for (Compute compute : Compute.values()) {
            List<Figure> said = run(section, new Kind(shape, null, type, compute, false));
            assertThat(said).hasSize(figures).allMatch(Figure::measured);
            for (Figure f : said) {
                assertThat(f.work().contains(", computed in bf16"))
                        .as(f.toString())
                        .isEqualTo(compute == Compute.BF16);
                if (f.ceiling() != null && !f.ceiling().name().equals("read, all")) {
                    assertThat(f.ceiling().name()).isEqualTo(compute == Compute.BF16 ? "bf16, all" : "fma, all");
                }
            }
        }
    }

    @Test
    void fewRowsAreNotMeasuredTwiceAndQuantisedWeightsAre() {
        assertThat(run(BenchSection.GEMM, new Kind("9x64x40", null, WeightType.INT8, Compute.BF16, false)))
                .singleElement()
                .matches(f -> f.work().endsWith(", int8, computed in bf16") && f.value() > 0);
        for (WeightType type : new WeightType[] {WeightType.F32, WeightType.INT8}) {
            assertThat(run(BenchSection.GEMM, new Kind("2x64x40", null, type, Compute.BF16, false)))
                    .singleElement()
                    .matches(f -> f.note().contains("up to 8 rows wait for memory"));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "VISION, siglip-tiny, 'fma, all', 1.8",
        "PREFILL, llama-tiny, 'fma, all', 1.8",
        "GEMM, 9x64x40, 'fma, all', 1.8",
        "GEMM, 1x64x40, 'read, all', 1.5"
    })
    void whatThreadsBringStandsBesideWhatTheyBringToTheCeiling(
            BenchSection section, String shape, String bound, double gained) {
        List<Figure> said = run(section, new Kind(shape, null, WeightType.F32, Compute.F32, true));
        assertThat(said).hasSize(2);
        Figure all = said.getFirst();
        Figure threads = said.getLast();
        assertThat(threads.work()).isEqualTo(all.work() + ", threads");
        if (Ceilings.threads() == 1) {
            assertThat(threads.note()).contains("there is one thread");
            return;
        }
        assertThat(threads.unit()).isEqualTo("x");
        assertThat(threads.value()).isCloseTo(threads.wall() / all.wall(), offset(1e-9));
        assertThat(threads.ceiling().name()).isEqualTo("what " + bound + " gains");
        assertThat(threads.ceiling().value()).isCloseTo(gained, offset(1e-9));
    }

    @Test
    void aFolderIsOpenedAskedAndTimedByPhase() {
        Path model = Path.of("..", "pretrained", "faceshield-small");
        List<Figure> said = run(BenchSection.FACESHIELD, new Kind(null, model, null, Compute.F32, false));
        assertThat(said.stream()
                        .map(f -> f.work().replace(model + ", ", "").replaceAll("\\d+", "N"))
                        .filter(w -> !w.startsWith("most memory")))
                .containsExactly("opened", "RGB and SAV", "prompt of N", "until the first token", "answer of N", "all");
        assertThat(said).allMatch(f -> f.value() > 0);
        assertThat(said.get(3).wall())
                .isCloseTo(said.get(1).wall() + said.get(2).wall(), offset(1e-9));
        assertThat(said.get(5).wall())
                .isGreaterThan(said.get(3).wall() + said.get(4).wall());
        assertThat(said.get(4).work()).endsWith("answer of 3");
    }

    /** What distinguishes the requests here. */
    private record Kind(String shape, Path model, WeightType type, Compute compute, boolean scaling) {}

    private static List<Figure> run(BenchSection section, Kind kind) {
        Request request = new Request(
                kind.shape,
                kind.model,
                kind.type == null ? List.of() : List.of(kind.type),
                kind.compute,
                new Measurement.Plan(0, 1),
                9,
                3,
                List.of(1),
                kind.scaling);
        List<Figure> out = new ArrayList<>();
        String before = System.setProperty("aegis.bf16", "emulated");
        try {
            Kernels kernels = kind.compute.of(Backends.best()).orElseThrow();
            Compute.during(kernels, () -> section.run(kernels, request, CEILINGS, out::add));
        } finally {
            if (before == null) {
                System.clearProperty("aegis.bf16");
            } else {
                System.setProperty("aegis.bf16", before);
            }
        }
        return out;
    }
}
