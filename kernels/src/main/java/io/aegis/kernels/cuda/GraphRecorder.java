package io.aegis.kernels.cuda;

import java.lang.System.Logger.Level;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Records what a thread queues, into a stream of its own: so that other threads go on queueing in the engine's.
 */
final class GraphRecorder {
    private static final System.Logger LOG = System.getLogger(GraphRecorder.class.getName());

    private final Driver driver;
    private final long context;
    /** What records what this thread queues, while it does. */
    private final ThreadLocal<Tape> recording = new ThreadLocal<>();

    /** @param context of the device */
    GraphRecorder(Driver driver, long context) {
        this.driver = driver;
        this.context = context;
    }

    /**
     * What was recorded, to be launched by the driver, and to be destroyed by whoever holds it.
     *
     * @param handle the driver's
     * @param name the kernels in it: what a fault is told by
     */
    record Executable(long handle, String name) {}

    /**
     * A stream that records.
     *
     * @param kernels those launched, by the numbers of their launches
     */
    private record Tape(long stream, Map<String, Integer> kernels) {
        Tape(long stream) {
            this(stream, new LinkedHashMap<>());
        }

        @Override
        public String toString() {
            return "a recorded graph of "
                    + kernels.entrySet().stream()
                            .map(k -> k.getKey() + (k.getValue() == 1 ? "" : " (" + k.getValue() + " times)"))
                            .collect(Collectors.joining(", "));
        }
    }

    /** Whether what this thread queues is recorded. */
    boolean isRecording() {
        return recording.get() != null;
    }

    /** Where this thread's work goes: to {@code usual} unless it is recorded. */
    long queue(long usual) {
        Tape own = recording.get();
        return own == null ? usual : own.stream;
    }

    /** Notes a launch in what this thread records. */
    void launched(String kernel) {
        recording.get().kernels.merge(kernel, 1, Integer::sum);
    }

    /**
     * Records what {@code work} queues on this thread; the context is current.
     *
     * @param keep takes what was recorded, before anything else can fail
     */
    Engine.Graph record(Runnable work, Function<Executable, Engine.Graph> keep) {
        Tape tape = new Tape(driver.createStream());
        try {
            return record(tape, work, keep);
        } finally {
            driver.destroyStream(tape.stream);
        }
    }

    private Engine.Graph record(Tape tape, Runnable work, Function<Executable, Engine.Graph> keep) {
        driver.beginCapture(tape.stream);
        recording.set(tape);
        boolean done = false;
        try {
            work.run();
            done = true;
        } finally {
            recording.remove();
            if (!done) {
                abandon(tape.stream);
            }
        }
        driver.setContext(context);
        long graph = driver.endCapture(tape.stream);
        try {
            return keep.apply(new Executable(driver.instantiate(graph), tape.toString()));
        } finally {
            driver.destroyGraph(graph);
        }
    }

    /** Ends a recording whose work failed, and says nothing: what failed is on its way to the caller. */
    private void abandon(long own) {
        try {
            driver.setContext(context);
            long graph = driver.endCapture(own);
            if (graph != 0) {
                driver.destroyGraph(graph);
            }
        } catch (CudaException e) {
            LOG.log(Level.DEBUG, "an abandoned recording", e);
        }
    }
}
