package io.aegis.cli.gpu.bench;

import io.aegis.cli.workload.Operands;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.Route;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Measures rows. A figure is only told of the kernels that were meant: what a call launched is looked at first.
 *
 * <p>Ceilings are measured in the same process: the device's own copy for what is bound by memory, cuBLASLt's largest product for
 * what is bound by arithmetic; without cuBLASLt our own, which says how rows stand to each other and less of the card.
 */
public final class Bench {
    /** The entries of kernels that compute capability 9.0 alone has. */
    private static final String HOPPER = "_sm90a";

    private static final String LIBRARY = "cublasLt";
    private static final String CUDNN = "cudnn";

    private final Kernels kernels;
    private final Race race;
    private final Size size;

    /** How much is done: as planned, or hardly anything. */
    public enum Size {
        FULL(Race.Effort.FULL, 1L << 28, 8192),
        TINY(Race.Effort.GLANCE, 1L << 10, 128);

        private final Race.Effort effort;
        private final long copied;
        private final long square;

        Size(Race.Effort effort, long copied, long square) {
            this.effort = effort;
            this.copied = copied;
            this.square = square;
        }

        /** A section's rows. */
        public List<Row> rows(Plan plan) {
            return this == FULL ? plan.rows() : plan.tiny();
        }
    }

    /**
     * What figures are held against.
     *
     * @param name of what was measured
     * @param value in {@code unit}; NaN where it could not be
     */
    public record Ceiling(String name, Unit unit, double value) {
        private static final Ceiling NONE = new Ceiling("", null, Double.NaN);

        @Override
        public String toString() {
            return name + (Double.isNaN(value) ? "" : ": " + Result.digits(value) + " " + unit);
        }
    }

    /** @param kernels of a GPU or the emulator, rounding to 16 bits */
    public Bench(Kernels kernels, Size size) {
        this.kernels = kernels;
        this.size = size;
        this.race = new Race(kernels, size.effort);
    }

    /** The device's copy, bytes read and written. */
    public Ceiling copy() {
        try (Operands make = new Operands(kernels)) {
            long n = size.copied;
            View a = make.normal(DType.F32, n);
            View b = make.empty(DType.F32, n);
            double seconds = race.seconds(() -> kernels.elementwise().copy(a, b));
            return new Ceiling("the copy", Unit.GIGABYTES, Unit.GIGABYTES.figure(2.0 * 4 * n, seconds));
        }
    }

    /** The library's largest product; where there is no library, the same by the kernels that a program gets, and its name says why. */
    public Ceiling product() {
        String problem = CudaBackend.problem(kernels, Route.LIBRARY);
        ProductWork work = ProductWork.square(size.square, ProductWork.Layout.X_WT);
        Kernels by = CudaBackend.through(kernels, problem == null ? Route.LIBRARY : Route.BEST);
        try (Operands make = new Operands(kernels)) {
            Consumer<Kernels> call = work.prepare(make);
            double seconds = race.seconds(() -> call.accept(by));
            String name = (problem == null ? "cuBLASLt's" : "our own") + " product of " + size.square
                    + (problem == null ? "" : ", as cuBLASLt is absent (" + problem + ")");
            return new Ceiling(name, Unit.TERAFLOPS, Unit.TERAFLOPS.figure(work.amount(), seconds));
        }
    }

    /** The ceilings that a section's rows have. */
    public List<Ceiling> ceilings(Plan plan) {
        return switch (plan) {
            case ATTENTION, GEMM -> List.of(product());
            case DECODE, MEMORY -> List.of(copy());
            case MODELS -> List.of(product(), copy());
        };
    }

    /**
     * Measures rows.
     *
     * @param routes the ways that are wanted, of those that each row has
     * @param begins hears of each row before it is measured
     * @param out gets what was measured, or why it was not
     */
    public void run(
            List<Row> rows, Set<Route> routes, List<Ceiling> ceilings, Consumer<String> begins, Consumer<Result> out) {
        for (Row row : rows) {
            List<Route> wanted = row.routes().stream().filter(routes::contains).toList();
            if (wanted.isEmpty()) {
                continue;
            }
            begins.accept(row.work().name());
            Ceiling ceiling = ceilings.stream()
                    .filter(c -> c.unit() == row.work().bound())
                    .findFirst()
                    .orElse(Ceiling.NONE);
            switch (row.work()) {
                case KernelWork work -> {
                    try (Operands make = new Operands(kernels)) {
                        Consumer<Kernels> call = work.prepare(make);
                        measure(row, wanted, ceiling, call, Footprint.NONE, out);
                    }
                }
                case ModelWork work -> {
                    Footprint foreseen = work.foreseen(kernels);
                    kernels.memory().resetPeak();
                    try (ModelWork.Subject subject = work.open(kernels)) {
                        measure(row, wanted, ceiling, subject::run, foreseen, out);
                    }
                    kernels.memory().trim();
                }
            }
        }
    }

    /**
     * Measures which products are cuBLASLt's on this card, and keeps that; one line of it.
     *
     * @param note of the report
     */
    String choose(String note) {
        String source = "gpu-bench gemm --choose, " + LocalDate.now() + (note.isEmpty() ? "" : ", " + note);
        return Crossover.choose(kernels, race, size == Size.TINY, source.replaceAll("\\s+", " "));
    }

    /** Calls each row of a kernel once on each of our own ways, for a profiler that looks on. */
    void once(List<Row> rows) {
        for (Row row : rows) {
            if (row.work() instanceof KernelWork work) {
                try (Operands make = new Operands(kernels)) {
                    Consumer<Kernels> call = work.prepare(make);
                    row.routes().stream()
                            .filter(r -> !r.isLibrary() && CudaBackend.problem(kernels, r) == null)
                            .forEach(r -> call.accept(CudaBackend.through(kernels, r)));
                    kernels.synchronize();
                }
            }
        }
    }

    /** One that takes part. */
    private record Rival(Route route, Kernels by, List<String> launched) {
        String title() {
            return route.name().toLowerCase(Locale.ROOT);
        }
    }

    /** A way that launched what a rival did, and is held to something else: the rival's time is its own. */
    private record Namesake(Route route, Rival rival) {}

    /** The one that has launched the same: what would be measured twice. */
    private static Rival alike(List<Rival> rivals, List<String> launched) {
        return rivals.stream()
                .filter(r -> r.launched.equals(launched))
                .findFirst()
                .orElse(null);
    }

    /** @param foreseen of a whole model */
    private void measure(
            Row row,
            List<Route> wanted,
            Ceiling ceiling,
            Consumer<Kernels> call,
            Footprint foreseen,
            Consumer<Result> out) {
        boolean names = row.work() instanceof KernelWork; // those of a model are too many
        List<Rival> rivals = new ArrayList<>();
        List<Namesake> namesakes = new ArrayList<>();
        for (Route route : wanted) {
            String problem = CudaBackend.problem(kernels, route);
            if (problem != null) {
                out.accept(Result.leftOut(row, route, List.of(), problem));
                continue;
            }
            Kernels by = CudaBackend.through(kernels, route);
            List<String> launched = CudaBackend.launched(by, () -> call.accept(by));
            kernels.synchronize();
            Rival same = names && route == Route.BEST ? alike(rivals, launched) : null;
            if (same != null && row.goal(route).equals(row.goal(same.route))) {
                out.accept(
                        Result.leftOut(row, route, launched, "as " + same.title() + ", which is what a program gets"));
                continue;
            }
            if (same != null) {
                namesakes.add(new Namesake(route, same));
                continue;
            }
            String others = wrong(route, launched);
            if (others == null) {
                rivals.add(new Rival(route, by, names ? launched : List.of()));
            } else {
                out.accept(Result.leftOut(row, route, launched, others));
            }
        }
        List<Runnable> calls =
                rivals.stream().map(r -> (Runnable) () -> call.accept(r.by)).toList();
        boolean alone = row.work() instanceof ModelWork model && model.oneAfterAnother();
        List<Race.Times> times = alone ? race.oneAfterAnother(calls) : race.times(calls);
        Footprint memory =
                names ? Footprint.NONE : foreseen.withPeak(kernels.memory().peakBytes());
        double library = Double.NaN;
        for (int i = 0; i < rivals.size(); i++) {
            library = rivals.get(i).route.isLibrary() ? times.get(i).median() : library;
        }
        for (int i = 0; i < rivals.size(); i++) {
            Rival rival = rivals.get(i);
            Race.Times t = times.get(i);
            out.accept(result(row, rival.route, rival.launched, t, ceiling, library, memory, ""));
            for (Namesake n : namesakes) {
                if (n.rival == rival) {
                    String whose = "measured as " + rival.title() + ", whose kernels these are";
                    out.accept(result(row, n.route, rival.launched, t, ceiling, library, memory, whose));
                }
            }
        }
    }

    private static Result result(
            Row row,
            Route route,
            List<String> launched,
            Race.Times t,
            Ceiling ceiling,
            double library,
            Footprint memory,
            String note) {
        Work work = row.work();
        Unit unit = work.unit();
        double value = unit.figure(work.amount(), t.median());
        double slow = unit.figure(work.amount(), t.most());
        double fast = unit.figure(work.amount(), t.least());
        double share = work.bound().figure(work.load(), t.median()) / ceiling.value();
        Goal goal = row.goal(route);
        return new Result(
                work.name(),
                route,
                launched,
                value,
                unit.toString(),
                Math.min(slow, fast),
                Math.max(slow, fast),
                share,
                Double.isNaN(share) ? "" : ceiling.name(),
                route.isLibrary() ? Double.NaN : library / t.median(),
                goal,
                goal.verdict(unit, value, share),
                memory,
                note);
    }

    /** Why a figure would not be one of this way, from what it launched; null when it would. */
    public static String wrong(Route route, List<String> launched) {
        boolean hopper = launched.stream().anyMatch(e -> e.endsWith(HOPPER));
        return switch (route) {
            case BEST -> null;
            case PORTABLE ->
                hopper || launched.contains(LIBRARY) || launched.contains(CUDNN)
                        ? "kernels that not every device has took part: " + String.join(", ", launched)
                        : null;
            case HOPPER -> hopper ? null : "no kernel of compute capability 9.0 takes it";
            case LIBRARY -> launched.contains(LIBRARY) ? null : "cuBLASLt does not take it";
            case CUDNN -> launched.contains(CUDNN) ? null : "cuDNN does not take it, the log says why";
        };
    }
}
