package io.aegis.cli.bench;

import io.aegis.cli.workload.Measurement;
import io.aegis.kernels.Kernels;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;

/** Times work on all threads and, where {@code --scaling} asks for it, in turn on one: the share that the others bring. */
final class Scaling {
    private Scaling() {}

    /**
     * Tells the work's figure, and how many times faster it is than on one thread.
     *
     * @param bounds what bounds it, by one thread and by all
     * @param figure of a measurement
     */
    static void measure(
            Kernels kernels,
            Request request,
            Runnable work,
            List<Ceiling> bounds,
            Function<Measurement, Figure> figure,
            Consumer<Figure> out) {
        if (!request.scaling()) {
            out.accept(figure.apply(Measurement.of(request.plan(), work)));
            return;
        }
        List<Measurement> times = Measurement.inTurn(request.plan(), List.of(() -> kernels.alone(work), work));
        Figure all = figure.apply(times.getLast());
        out.accept(all);
        String name = all.work() + ", threads";
        out.accept(
                Ceilings.threads() == 1
                        ? Figure.leftOut(name, "there is one thread, and nothing to be gained by others")
                        : Figure.scaling(name, times.getFirst(), times.getLast(), bounds));
    }
}
