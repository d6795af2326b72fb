package io.aegis.cli.bench;

import io.aegis.cli.workload.Compute;
import io.aegis.cli.workload.Measurement;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Kernels;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** What can be measured. */
public enum BenchSection {
    VISION(Shapes.VISION.keySet(), Set.of(WeightType.values()), Set.of(Compute.values())),
    PREFILL(Shapes.LANGUAGE.keySet(), Set.of(WeightType.values()), Set.of(Compute.values())),
    /** A token's rows are float32 whatever is asked for: they wait for memory. */
    DECODE(Shapes.LANGUAGE.keySet(), Set.of(WeightType.values()), Set.of(Compute.F32)),
    DADM(Shapes.DADM.keySet(), Set.of(WeightType.F32), Set.of(Compute.values())),
    GEMM(Set.of(), Set.of(WeightType.values()), Set.of(Compute.values())),
    FACESHIELD(Shapes.FACESHIELD, Set.of(WeightType.values()), Set.of(Compute.values())),
    STARTUP(Set.of(), Set.of(), Set.of(Compute.F32));

    private final Collection<String> shapes;
    private final Set<WeightType> types;
    private final Set<Compute> computes;

    BenchSection(Collection<String> shapes, Set<WeightType> types, Set<Compute> computes) {
        this.shapes = shapes;
        this.types = types;
        this.computes = computes;
    }

    /** Measures, and tells each figure as soon as it is there. */
    public void run(Kernels kernels, Request request, Ceilings ceilings, Consumer<Figure> out) {
        switch (this) {
            case VISION -> VisionSection.run(kernels, request, ceilings, out);
            case PREFILL -> LanguageSections.prefill(kernels, request, ceilings, out);
            case DECODE -> LanguageSections.decode(kernels, request, ceilings, out);
            case DADM -> DadmSection.run(request, ceilings, out);
            case GEMM -> GemmSection.run(kernels, request, ceilings, out);
            case FACESHIELD -> FaceShieldSection.run(kernels, request, ceilings, out);
            case STARTUP -> StartupSection.run(request, out);
        }
    }

    /** How often it measures unless somebody says otherwise: an answer of eight billion weights takes minutes. */
    Measurement.Plan plan() {
        return this == FACESHIELD ? new Measurement.Plan(0, 1) : new Measurement.Plan(2, 5);
    }

    /** Tokens that it has said unless somebody says otherwise. */
    int tokens() {
        return this == FACESHIELD ? 30 : 32;
    }

    /** Of what is asked for, what it can compute in. */
    List<Compute> computes(List<Compute> wanted) {
        return wanted.stream().filter(computes::contains).distinct().toList();
    }

    /** As it is typed. */
    public String title() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * The section that is typed so.
     *
     * @throws IllegalArgumentException when there is none; it lists them
     */
    static BenchSection named(String title) {
        return Arrays.stream(values())
                .filter(s -> s.title().equals(title))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("there is no section " + title + ", expected one of "
                        + Arrays.stream(values()).map(BenchSection::title).collect(Collectors.joining(", "))));
    }

    /** Whether it knows a shape: of a model by its name, of a product by its form. */
    boolean knows(String shape) {
        return this == GEMM ? shape.matches("\\d+x\\d+x\\d+") : shapes.contains(shape);
    }

    /** The sections that know a shape, of these. */
    static List<BenchSection> knowing(List<BenchSection> sections, String shape) {
        List<BenchSection> out = sections.stream().filter(s -> s.knows(shape)).toList();
        if (out.isEmpty()) {
            throw new IllegalArgumentException("--shape " + shape + " is not known, expected "
                    + sections.stream().map(BenchSection::known).distinct().collect(Collectors.joining("; ")));
        }
        return out;
    }

    private String known() {
        return switch (this) {
            case GEMM -> "for gemm rows x in x out, such as 729x1152x4304";
            case STARTUP -> "for startup none";
            case PREFILL, DECODE -> "for prefill and decode one of " + String.join(", ", shapes);
            default -> "for " + title() + " one of " + String.join(", ", shapes);
        };
    }

    /** Whether it stores matrices in all of these ways. */
    boolean takes(List<WeightType> wanted) {
        return types.containsAll(wanted);
    }

    /** @throws IllegalArgumentException when nothing here is computed in any of these */
    void checkComputes(List<Compute> wanted) {
        if (!wanted.isEmpty() && computes(wanted).isEmpty()) {
            throw new IllegalArgumentException("--compute " + wanted.getFirst() + ": " + title() + " computes in "
                    + computes.stream().sorted().map(Compute::toString).collect(Collectors.joining(", "))
                    + " whatever is asked for");
        }
    }

    /** @throws IllegalArgumentException when matrices cannot be stored so here */
    void check(List<WeightType> wanted) {
        for (WeightType type : wanted) {
            if (!types.contains(type)) {
                throw new IllegalArgumentException("--dtype " + type + ": " + title() + " takes "
                        + (types.isEmpty()
                                ? "none"
                                : types.stream()
                                        .sorted()
                                        .map(WeightType::toString)
                                        .collect(Collectors.joining(", "))));
            }
        }
    }
}
