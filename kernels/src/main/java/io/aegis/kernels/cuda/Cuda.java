package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.Recording;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What every family of kernels here works with: addresses of views, scratch memory, launches. Work is queued and runs in
 * order, so scratch may be closed as soon as the launch that uses it is queued.
 */
final class Cuda {
    /** The library's name among those of kernels. */
    static final String LIBRARY = "cublasLt";

    /** cuDNN's name among those of kernels. */
    static final String CUDNN = "cudnn";

    /** The name of a recorded graph among those of kernels. */
    static final String GRAPH = "graph";
    /** What is queued without a kernel, among the names of kernels. */
    static final String COPY = "copy";

    static final String FILL = "fill";

    private final Engine engine;
    private final DeviceMemory memory;
    private final Precision precision;
    private final Route route;
    /** What is queued, by name and how often; null while nobody asks. */
    private volatile Map<String, Integer> launched;

    Cuda(Engine engine, DeviceMemory memory, Precision precision) {
        this(engine, memory, precision, Route.BEST);
    }

    Cuda(Engine engine, DeviceMemory memory, Precision precision, Route route) {
        this.engine = engine;
        this.memory = memory;
        this.precision = precision;
        this.route = route;
    }

    Engine.Properties properties() {
        return engine.properties();
    }

    /** What products and attention round their float32 operands to. */
    Precision precision() {
        return precision;
    }

    Route route() {
        return route;
    }

    DeviceMemory memory() {
        return memory;
    }

    Engine engine() {
        return engine;
    }

    /** Address of a view's first element, to be read. */
    long read(View v) {
        return memory.residence(v.buffer()).reading() + v.offset() * v.dtype().bytes();
    }

    /** As {@link #read}, 0 for null. */
    long readOrNull(View v) {
        return v == null ? 0 : read(v);
    }

    /** Address of a view's first element, to be overwritten (all of the view; not what lies around it). */
    long write(View v) {
        boolean whole = v.isContiguous() && v.bytes() == v.buffer().bytes();
        return memory.residence(v.buffer()).writing(whole)
                + v.offset() * v.dtype().bytes();
    }

    /** As {@link #write}, 0 for null. */
    long writeOrNull(View v) {
        return v == null ? 0 : write(v);
    }

    /** Address of a view's first element, to be read and changed. */
    long update(View v) {
        return memory.residence(v.buffer()).writing(false)
                + v.offset() * v.dtype().bytes();
    }

    /**
     * Queues a product by the toolkit's library.
     *
     * @param c address of C, whose rows are {@code ldc} elements apart
     * @return false where there is no library, or it cannot compute this
     */
    boolean multiplyByLibrary(Operand a, Operand b, long c, DType out, long ldc, boolean accumulate) {
        return multiplyByLibrary(a, b, c, c, out, ldc, accumulate);
    }

    /** As above, where what is added to lies elsewhere, as C does. */
    boolean multiplyByLibrary(Operand a, Operand b, long from, long c, DType out, long ldc, boolean accumulate) {
        if (!hasLibrary() || !(engine instanceof DriverEngine driver)) {
            return false;
        }
        note(LIBRARY);
        return driver.products().library().multiply(this, driver.queue(), a, b, from, c, out, ldc, accumulate);
    }

    /** Whether the toolkit's library is installed, and may be taken. */
    boolean hasLibrary() {
        boolean asked = route == Route.BEST || route == Route.LIBRARY;
        return asked
                && engine instanceof DriverEngine driver
                && driver.products().library() != null;
    }

    Engine.Kernel kernel(Variant variant, String entry) {
        return engine.kernel(variant, entry);
    }

    void launch(Variant variant, String entry, Engine.Grid grid, Arguments arguments) {
        launch(engine.kernel(variant, entry), grid, arguments);
    }

    void launch(Engine.Kernel kernel, Engine.Grid grid, Arguments arguments) {
        note(kernel.entry());
        engine.launch(kernel, grid, arguments.packed());
    }

    /** Queues a copy from device to device. */
    void copy(long from, long to, long bytes) {
        note(COPY);
        engine.copy(from, to, bytes);
    }

    /** Queues the writing of one byte everywhere. */
    void fill(long to, byte value, long bytes) {
        note(FILL);
        engine.fill(to, value, bytes);
    }

    /** The stream that a library queues in, whose context is current now; 0 in the emulator. */
    long queue() {
        return engine instanceof DriverEngine driver ? driver.entered() : 0;
    }

    /** Counts something that is queued other than by this. */
    void note(String name) {
        Map<String, Integer> names = launched;
        if (names != null) {
            synchronized (names) {
                names.merge(name, 1, Integer::sum);
            }
        }
    }

    /**
     * What some work queues, in the order in which each comes first, and how often: entries of kernels, {@value #LIBRARY}, {@value #CUDNN}, {@value
     * #GRAPH}, {@value #COPY} and {@value #FILL}.
     */
    synchronized Map<String, Integer> launched(Runnable work) {
        Map<String, Integer> names = new LinkedHashMap<>();
        launched = names;
        try {
            work.run();
        } finally {
            launched = null;
        }
        return names;
    }

    /** Records a graph; what it queues is launched by it alone, and its kernels are not noted any more. */
    Recording record(Runnable work) {
        Engine.Graph graph = memory.record(work);
        return new Recording() {
            @Override
            public void launch() {
                note(GRAPH);
                graph.launch();
            }

            @Override
            public void close() {
                graph.close();
            }
        };
    }

    /** Memory that lasts until it is closed. */
    Scratch scratch() {
        return new Scratch();
    }

    /** Blocks of scratch memory, given back together. */
    final class Scratch implements AutoCloseable {
        private final List<long[]> blocks = new ArrayList<>();

        /** Address of a fresh block with any content. */
        long take(long bytes) {
            long address = memory.take(bytes);
            blocks.add(new long[] {address, bytes});
            return address;
        }

        /** As {@link #take}, for so many elements. */
        long take(DType dtype, long elements) {
            return take(elements * dtype.bytes());
        }

        @Override
        public void close() {
            blocks.forEach(b -> memory.give(b[0], b[1]));
            blocks.clear();
        }
    }
}
