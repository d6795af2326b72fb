package io.aegis.cli.bench;

import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Kernels;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** What can be measured. */
public enum BenchSection {
    VISION(Shapes.VISION.keySet(), Set.of(WeightType.values())),
    PREFILL(Shapes.LANGUAGE.keySet(), Set.of(WeightType.values())),
    DECODE(Shapes.LANGUAGE.keySet(), Set.of(WeightType.values())),
    DADM(Shapes.DADM.keySet(), Set.of(WeightType.F32)),
    GEMM(Set.of(), Set.of(WeightType.values())),
    STARTUP(Set.of(), Set.of());

    private final Set<String> shapes;
    private final Set<WeightType> types;

    BenchSection(Set<String> shapes, Set<WeightType> types) {
        this.shapes = shapes;
        this.types = types;
    }

    /** Measures, and tells each figure as soon as it is there. */
    public void run(Kernels kernels, Request request, Ceilings ceilings, Consumer<Figure> out) {
        switch (this) {
            case VISION -> VisionSection.run(kernels, request, ceilings, out);
            case PREFILL -> LanguageSections.prefill(kernels, request, ceilings, out);
            case DECODE -> LanguageSections.decode(kernels, request, ceilings, out);
            case DADM -> DadmSection.run(request, ceilings, out);
            case GEMM -> GemmSection.run(kernels, request, ceilings, out);
            case STARTUP -> StartupSection.run(request, out);
        }
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
