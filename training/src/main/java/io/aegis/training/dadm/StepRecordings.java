package io.aegis.training.dadm;

import io.aegis.layers.Parameter;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;

/**
 * Which steps are recorded. The first of a shape goes kernel by kernel, which loads what there is to load; the one behind it, if it is of
 * the same shape, is recorded, and from then on they are launched as they were recorded. There is one recording at most, as it
 * holds about as much memory as a step does: a step of another shape, such as an epoch's last, begins with giving it back.
 */
final class StepRecordings implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(StepRecordings.class.getName());
    private static final AtomicBoolean TOLD = new AtomicBoolean();

    private final boolean wanted;
    private RecordedStep open;
    /** Of the step before, and of this one; null when none is known. */
    private RecordedStep.Shape last;

    private RecordedStep.Shape now;
    /** What the way back updated in the step before. */
    private List<Parameter> updated = List.of();

    private boolean again;
    private boolean refused;

    /** @param wanted whether anything is recorded at all */
    StepRecordings(boolean wanted) {
        this.wanted = wanted;
    }

    /**
     * Before a step.
     *
     * @param shape of it; null where it is never recorded
     * @return what the launch of a recording will update; nothing where there is none
     */
    List<Parameter> begin(RecordedStep.Shape shape) {
        now = shape;
        again = wanted
                && !refused
                && shape != null
                && shape.equals(last)
                && shape.kernels().canRecord();
        if (!again) {
            close();
        }
        return again ? updated : List.of();
    }

    /**
     * The recording of this step; null where it goes kernel by kernel. Of one that cannot be made, a line is said in a process.
     *
     * @param maker records it
     */
    RecordedStep recording(Function<RecordedStep.Shape, RecordedStep> maker) {
        if (again && open == null) {
            try {
                open = maker.apply(now);
            } catch (RuntimeException | OutOfMemoryError e) {
                again = false;
                refused = true;
                if (!TOLD.getAndSet(true)) {
                    LOG.log(
                            Level.WARNING,
                            "training steps are launched kernel by kernel, not as graphs: " + e.getMessage());
                }
            }
        }
        return open;
    }

    /** Behind a step kernel by kernel: what its way back updated. */
    void went(List<Parameter> updated) {
        this.last = now;
        this.updated = List.copyOf(updated);
    }

    /** Gives all back; the next step is one without another before it. */
    @Override
    public void close() {
        if (open != null) {
            open.close();
            open = null;
        }
        last = null;
    }
}
