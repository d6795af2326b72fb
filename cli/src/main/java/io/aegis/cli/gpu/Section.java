package io.aegis.cli.gpu;

import io.aegis.kernels.Kernels;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.Precision;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** The parts of a check; each runs in a process of its own, so that one that faults or hangs takes no other with it. */
enum Section {
    KERNELS_F32(Precision.F32),
    KERNELS_BF16(Precision.BF16),
    KERNELS_F16(Precision.F16),
    GOLDEN_F32(Precision.F32),
    GOLDEN_BF16(Precision.BF16),
    PRODUCTS(Precision.BF16),
    LIBRARY(Precision.BF16),
    ATTENTION(Precision.BF16),
    HOPPER_BF16(Precision.BF16),
    HOPPER_F16(Precision.F16),
    HOPPER_LARGE(Precision.BF16),
    HOPPER_SPEED(Precision.BF16),
    HOPPER_UNORDERED(Precision.BF16),
    CUDNN_BF16(Precision.BF16),
    CUDNN_F16(Precision.F16),
    MEMORY(Precision.BF16),
    LLAMA(Precision.BF16),
    DADM_F32(Precision.F32),
    DADM_BF16(Precision.BF16),
    TWO_PROCESSES(Precision.BF16);

    private static final String HOPPER = "-Daegis.cuda.hopper=true";
    private static final String PORTABLE = "-Daegis.cuda.hopper=false";

    private final Precision precision;

    Section(Precision precision) {
        this.precision = precision;
    }

    Precision precision() {
        return precision;
    }

    /** As the option names it. */
    String title() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Flags of its process: kernels of compute capability 9.0 are compared, or the portable ones; models take what is best. */
    List<String> flags() {
        return switch (this) {
            case HOPPER_BF16, HOPPER_F16, HOPPER_LARGE, HOPPER_SPEED -> List.of("-Daegis.cublas=none", HOPPER);
            case HOPPER_UNORDERED -> List.of("-Daegis.cublas=none", HOPPER, "-Daegis.cuda.deterministic=false");
            case KERNELS_F32, KERNELS_BF16, KERNELS_F16, PRODUCTS, ATTENTION -> List.of(PORTABLE);
            default -> List.of();
        };
    }

    /** How many processes compute it at once, on one device and with one folder of compiled kernels that is empty at first. */
    int processes() {
        return this == TWO_PROCESSES ? 2 : 1;
    }

    /** Whether it is about the kernels of compute capability 9.0 alone. */
    private boolean isHopper() {
        return flags().contains(HOPPER);
    }

    boolean readsGolden() {
        return this == GOLDEN_F32 || this == GOLDEN_BF16;
    }

    /** What is told while a section runs. */
    interface Listener {
        /** The row that is computed from now on, by its name; the last one is what hung if anything does. */
        void begins(String row);

        /** A line of the report. */
        void says(Line line);
    }

    /**
     * How much of a section is done.
     *
     * @param golden directory of reference values, for the sections that read them
     * @param rounds how many calls of each operation are compared; 0 for the usual number
     * @param brief each call is made once, and none of the large ones: under a tool that makes them take a hundred times as long
     * @param row the only one that is computed; null for all
     */
    record Extent(Path golden, int rounds, boolean brief, String row) {
        boolean wants(String name) {
            return row == null || row.equals(name);
        }

        int roundsOr(int usual) {
            return rounds == 0 ? usual : rounds;
        }
    }

    /** Does the work. */
    void run(Kernels kernels, Extent extent, Listener out) {
        String problem = isHopper() ? CudaBackend.hopperProblem(kernels) : null;
        if (problem != null) {
            out.says(Line.said(title(), "left out: " + problem));
            return;
        }
        new SectionRun(kernels, this, extent, out).run();
    }
}
