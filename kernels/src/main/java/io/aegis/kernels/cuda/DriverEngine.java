package io.aegis.kernels.cuda;

import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/**
 * A GPU behind its driver: the device's primary context (which cuBLAS and others of this process share), one stream, and
 * modules of machine code that are loaded when a kernel is first asked for.
 *
 * <p>A kernel that faults takes its context with it, and so does one that does not end in time ({@link Patience}). From then on
 * every call says so, with what was running; closing still works, and so do the kernels of the CPU. What a kernel that hangs may
 * still touch is given back when the process ends.
 */
final class DriverEngine implements Engine {
    private static final System.Logger LOG = System.getLogger(DriverEngine.class.getName());

    /** Waits after every launch, so that a fault is told by the launch that caused it. */
    static final String BLOCKING = "aegis.cuda.blocking";

    private static final long STAGING_BYTES = 4L << 20;

    private final Driver driver;
    private final DriverDevice device;
    private final Cubins cubins;
    /** How long kernels of a debug build wait; null without one. */
    private final Duration limit = DebugBuild.isAskedFor() ? DebugBuild.limit() : null;
    /** What they wait for too long; null before the first is loaded. */
    private volatile DriverWaits waits;
    /** A debug build names the kernel as well as the barrier. */
    private final boolean blocking = Boolean.getBoolean(BLOCKING) || limit != null;

    private final long context;
    private final long stream;
    private CublasLt.Found products;
    private Cudnn.Found attention;
    /** Null unless somebody asked for it. */
    private final LaunchProfile profile;

    private final Staging staging;
    private final LaunchHistory history = new LaunchHistory();
    private final Map<Long, Long> allocations = new ConcurrentHashMap<>();
    private final Map<Variant, Module> modules = new ConcurrentHashMap<>();
    private final Set<AutoCloseable> owned = ConcurrentHashMap.newKeySet();
    /** An array of one address, that of the kernel's struct; the driver reads it before a launch returns. */
    private final ThreadLocal<MemorySegment> parameters =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(ValueLayout.ADDRESS));

    private final GraphRecorder recorder;
    private final DriverFaults faults;

    private volatile boolean closed;

    /**
     * Opens a device.
     *
     * @param index of those that the driver shows to this process, from 0
     * @throws CudaException when there is no such device, or it is not one that the kernels run on
     */
    DriverEngine(Driver driver, int index, Cubins cubins) {
        this.driver = driver;
        this.device = DriverDevice.choose(driver, index);
        this.cubins = cubins;
        this.context = driver.retainContext(device.handle());
        long made = 0;
        try {
            driver.setContext(context);
            made = driver.createStream();
        } finally {
            if (made == 0) {
                driver.releaseContext(device.handle());
            }
        }
        this.stream = made;
        this.faults = new DriverFaults(driver, device.name(), history, this::hang, this::held);
        this.recorder = new GraphRecorder(driver, context);
        this.profile = Boolean.getBoolean(LaunchProfile.PROPERTY) ? new LaunchProfile(driver) : null;
        this.staging = new Staging(driver, stream, STAGING_BYTES);
    }

    @Override
    public Properties properties() {
        return device.properties();
    }

    @Override
    public String name() {
        return device.name();
    }

    boolean hasProgrammaticLaunches() {
        return driver.hasProgrammaticLaunches();
    }

    boolean hasTensorMaps() {
        return driver.hasTensorMaps();
    }

    @Override
    public void encode(TensorMap map, MemorySegment to) {
        driver.encode(map, to);
    }

    /** What kernels are compiled for here. */
    String arch() {
        return device.arch();
    }

    @Override
    public long allocate(long bytes) {
        return call("allocating " + bytes + " bytes", () -> {
            long address = driver.allocate(Math.max(1, bytes));
            allocations.put(address, bytes);
            return address;
        });
    }

    /** Bytes that this process holds. */
    private long held() {
        return allocations.values().stream().mapToLong(Long::longValue).sum();
    }

    @Override
    public void free(long address) {
        // Also on a closed or lost device, where there is nothing left to give back.
        if (closed) {
            return;
        }
        if (allocations.remove(address) == null) {
            throw new IllegalArgumentException(
                    "0x" + Long.toHexString(address) + " is no memory of " + device.name() + ", or was freed already");
        }
        if (!faults.isLost()) {
            run("freeing memory", () -> {
                synchronizeMain();
                driver.free(address);
            });
        }
    }

    @Override
    public void upload(MemorySegment from, long to) {
        if (from.byteSize() > 0) {
            run("uploading " + from.byteSize() + " bytes", () -> staging.upload(from, to));
        }
    }

    @Override
    public void download(long from, MemorySegment to) {
        if (recorder.isRecording()) {
            throw new CudaException(
                    "a graph is being recorded on " + device.name() + ": no result can be read before it has run");
        }
        if (to.byteSize() == 0) {
            return;
        }
        if (!to.isNative()) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment between = arena.allocate(to.byteSize());
                download(from, between);
                to.copyFrom(between);
            }
            return;
        }
        run("downloading " + to.byteSize() + " bytes", () -> {
            // A copy to memory that is not pinned waits in the driver, without a limit.
            synchronizeMain();
            driver.download(to, from, stream);
            synchronizeMain();
        });
    }

    @Override
    public void copy(long from, long to, long bytes) {
        if (bytes > 0) {
            run("copying " + bytes + " bytes", () -> driver.copy(to, from, bytes, queue()));
        }
    }

    @Override
    public void fill(long to, byte value, long bytes) {
        if (bytes > 0) {
            run("filling " + bytes + " bytes", () -> driver.fill(to, value, bytes, queue()));
        }
    }

    @Override
    public Kernel kernel(Variant variant, String entry) {
        Module module = modules.get(variant);
        if (module == null) {
            module = modules.computeIfAbsent(variant, this::load);
        }
        return module.function(entry);
    }

    private Module load(Variant variant) {
        boolean watched = limit != null && DebugBuild.isWatched(variant);
        Cubin cubin = cubins.get(watched ? DebugBuild.of(variant) : variant, device.arch());
        return call(
                "loading " + variant + ", made by " + cubin.compiler() + " for " + device.arch()
                        + ", into a driver of CUDA " + driver.versionText(),
                () -> {
                    long module = load(cubin);
                    if (watched) {
                        waits().show(module);
                    }
                    return new Module(variant, module);
                });
    }

    private long load(Cubin cubin) {
        try {
            return driver.loadModule(cubin.code());
        } catch (CudaException e) {
            String lack = e.code() == Driver.OUT_OF_MEMORY || DriverFaults.FATAL.contains(e.code())
                    ? null
                    : driver.lack(cubin.compiler());
            throw lack == null ? e : new CudaException(e.getMessage() + "; " + lack, e, e.code());
        }
    }

    private synchronized DriverWaits waits() {
        if (waits == null) {
            waits = new DriverWaits(driver, stream, limit);
        }
        return waits;
    }

    /** What kernels of a debug build waited for too long. */
    private Optional<Hang> hang() {
        DriverWaits w = waits;
        return w == null ? Optional.empty() : w.hang();
    }

    @Override
    public void launch(Kernel kernel, Grid grid, MemorySegment arguments) {
        DriverFunction f = (DriverFunction) kernel;
        f.check(grid, arguments.byteSize());
        MemorySegment array = parameters.get();
        array.set(ValueLayout.ADDRESS, 0, arguments);
        long queue = queue();
        try {
            enter();
            f.allow(grid.shared());
            if (profile == null && Programmatic.waits(f.variant())) {
                driver.launchProgrammatic(f.handle(), grid, queue, array);
            } else if (profile == null) {
                driver.launch(f.handle(), grid, queue, array);
            } else {
                profile.around(f.name(), queue, () -> driver.launch(f.handle(), grid, queue, array));
            }
            launched(queue, new LaunchHistory.Launch(f, grid));
            if (queue != stream) {
                recorder.launched(f.name());
            }
        } catch (CudaException e) {
            throw faults.failure(new LaunchHistory.Launch(f, grid).toString(), e);
        }
    }

    private void launched(long queue, Object what) {
        if (queue == stream) {
            history.add(what);
            if (blocking) {
                synchronizeMain();
            }
        }
    }

    @Override
    public void synchronize() {
        if (recorder.isRecording()) {
            throw new CudaException("a graph is being recorded on " + device.name() + ": there is nothing to wait for");
        }
        run("waiting", this::synchronizeMain);
    }

    private void synchronizeMain() {
        long queued = history.queued();
        driver.synchronize(stream);
        history.finished(queued);
    }

    @Override
    public Timer timer() {
        return call("making a timer", EventTimer::new);
    }

    /** Not where somebody wants to know of each launch by itself: how long it takes, or whether it faults. */
    @Override
    public boolean canRecord() {
        return !blocking && profile == null;
    }

    @Override
    public Graph record(Runnable work) {
        if (recorder.isRecording()) {
            throw new CudaException("a graph is being recorded on this thread already");
        }
        return call("recording a graph", () -> recorder.record(work, Recorded::new));
    }

    /** Ends what is queued, and gives everything back that was taken here. Works on a lost device as well. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        if (!faults.isLost()) {
            quietly(this::synchronize);
        }
        closed = true;
        if (faults.hangs()) {
            return;
        }
        quietly(() -> driver.setContext(context));
        if (profile != null) {
            quietly(profile::close);
        }
        for (AutoCloseable o : owned) {
            quietly(o::close);
        }
        quietly(staging::close);
        if (waits != null) {
            quietly(waits::close);
        }
        allocations.keySet().forEach(address -> quietly(() -> driver.free(address)));
        allocations.clear();
        modules.values().forEach(m -> quietly(() -> driver.unloadModule(m.handle)));
        modules.clear();
        quietly(() -> driver.destroyStream(stream));
        quietly(() -> driver.setContext(0));
        quietly(() -> driver.releaseContext(device.handle()));
    }

    private interface Step {
        void run() throws Exception;
    }

    private void quietly(Step step) {
        try {
            step.run();
        } catch (Exception e) {
            LOG.log(faults.isLost() ? Level.DEBUG : Level.WARNING, "closing " + device.name() + ": " + e.getMessage());
        }
    }

    /** The toolkit's matrix products, where they are installed; looked for once. */
    synchronized CublasLt.Found products() {
        if (products == null) {
            enter();
            products = CublasLt.find();
        }
        return products;
    }

    /** cuDNN, where it is installed; looked for once, and closed with this. */
    synchronized Cudnn.Found attention() {
        if (attention == null) {
            enter();
            attention = Cudnn.open();
            if (attention.library() != null) {
                owned.add(attention.library());
            }
        }
        return attention;
    }

    /** As {@link #queue}, for a library that looks for the current context itself. */
    long entered() {
        enter();
        return queue();
    }

    /** Whether what this thread queues is recorded. */
    boolean isRecording() {
        return recorder.isRecording();
    }

    /** Where this thread's work goes. */
    long queue() {
        return recorder.queue(stream);
    }

    /** Every call begins with it: other libraries of this process set contexts as well. */
    private void enter() {
        if (closed) {
            throw new CudaException(device.name() + " is closed");
        }
        faults.requireNotLost();
        driver.setContext(context);
    }

    private void run(String what, Runnable action) {
        call(what, () -> {
            action.run();
            return null;
        });
    }

    private <T> T call(String what, Supplier<T> action) {
        try {
            enter();
            return action.get();
        } catch (CudaException e) {
            throw faults.failure(what, e);
        }
    }

    /** A variant's loaded machine code. */
    private final class Module {
        private final Variant variant;
        private final long handle;
        private final Map<String, DriverFunction> functions = new ConcurrentHashMap<>();

        Module(Variant variant, long handle) {
            this.variant = variant;
            this.handle = handle;
        }

        DriverFunction function(String entry) {
            DriverFunction f = functions.get(entry);
            return f != null ? f : functions.computeIfAbsent(entry, this::find);
        }

        private DriverFunction find(String entry) {
            return call(
                    "looking for " + entry + " in " + variant,
                    () -> new DriverFunction(
                            driver, variant, handle, entry, device.properties().sharedBytes()));
        }
    }

    private final class EventTimer implements Timer {
        private final long start = driver.createEvent();
        private final long stop = driver.createEvent();

        EventTimer() {
            owned.add(this);
        }

        @Override
        public void start() {
            run("starting a timer", () -> driver.record(start, stream));
        }

        @Override
        public void stop() {
            run("stopping a timer", () -> driver.record(stop, stream));
        }

        @Override
        public double seconds() {
            return call("reading a timer", () -> {
                driver.await(stop);
                return driver.milliseconds(start, stop) / 1e3;
            });
        }

        @Override
        public void close() {
            if (owned.remove(this) && !faults.hangs()) {
                quietly(() -> driver.setContext(context));
                quietly(() -> driver.destroyEvent(start));
                quietly(() -> driver.destroyEvent(stop));
            }
        }
    }

    private final class Recorded implements Graph {
        private final GraphRecorder.Executable graph;

        Recorded(GraphRecorder.Executable graph) {
            this.graph = graph;
            owned.add(this);
        }

        @Override
        public void launch() {
            if (recorder.isRecording()) {
                throw new CudaException("a graph cannot be queued while another is recorded");
            }
            run("launching a graph", () -> {
                driver.launchGraph(graph.handle(), stream);
                launched(stream, graph.name());
            });
        }

        @Override
        public void close() {
            if (owned.remove(this) && !faults.hangs()) {
                if (!faults.isLost() && !closed) {
                    quietly(DriverEngine.this::synchronize);
                    if (faults.hangs()) {
                        return;
                    }
                }
                quietly(() -> driver.setContext(context));
                quietly(() -> driver.destroyExecutable(graph.handle()));
            }
        }
    }
}
