package io.aegis.kernels.cuda;

import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;

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

    private static final int OLDEST_CAPABILITY = 8;
    private static final int FREE_SHARED_BYTES = 48 << 10;
    private static final int MAX_THREADS = 1024;
    private static final int WARP = 32;
    private static final long MAX_GRID_X = Integer.MAX_VALUE;
    private static final long MAX_GRID_YZ = 65535;
    private static final long STAGING_BYTES = 4L << 20;

    /**
     * Errors after which a context answers nothing else: cuda.h says of each that the process has to start again. A wait that was given
     * up is among them, for what hangs cannot be taken back.
     */
    static final Set<Integer> FATAL = Set.of(
            4, 46, 201, 214, 220, 226, Driver.NOT_READY, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721, 999);

    private final Driver driver;
    private final int device;
    private final String name;
    private final Cubins cubins;
    private final Properties properties;
    private final String arch;
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
    /** What records what this thread queues, while it does. */
    private final ThreadLocal<Tape> recording = new ThreadLocal<>();

    private volatile String lost;
    /** Whether something runs for ever: every call of the driver that waits for it, as those that free do, would do so too. */
    private volatile boolean hangs;

    private volatile boolean closed;

    /**
     * A stream that records, so that other threads go on queueing in the engine's own.
     *
     * @param kernels those launched, by the numbers of their launches: what a fault is told by
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

    /**
     * Opens a device.
     *
     * @param index of those that the driver shows to this process, from 0
     * @throws CudaException when there is no such device, or it is not one that the kernels run on
     */
    DriverEngine(Driver driver, int index, Cubins cubins) {
        int count = driver.devices();
        if (index < 0 || index >= count) {
            throw new CudaException("there is no cuda:" + index + ": the driver shows "
                    + (count == 0
                            ? "no GPU"
                            : count == 1 ? "one GPU, cuda:0" : count + " GPUs, cuda:0 to cuda:" + (count - 1)));
        }
        this.driver = driver;
        this.device = driver.device(index);
        this.name = "cuda:" + index;
        this.cubins = cubins;
        this.properties = properties(driver, device);
        requireSupported(name, properties);
        this.arch = arch(properties.major(), properties.minor());
        this.context = driver.retainContext(device);
        long made = 0;
        try {
            driver.setContext(context);
            made = driver.createStream();
        } finally {
            if (made == 0) {
                driver.releaseContext(device);
            }
        }
        this.stream = made;
        this.profile = Boolean.getBoolean(LaunchProfile.PROPERTY) ? new LaunchProfile(driver) : null;
        this.staging = new Staging(driver, stream, STAGING_BYTES);
    }

    static Properties properties(Driver driver, int device) {
        return new Properties(
                driver.deviceName(device),
                driver.attribute(device, Driver.CAPABILITY_MAJOR),
                driver.attribute(device, Driver.CAPABILITY_MINOR),
                driver.attribute(device, Driver.MULTIPROCESSORS),
                driver.deviceMemory(device),
                driver.attribute(device, Driver.SHARED_OPT_IN),
                driver.attribute(device, Driver.L2_BYTES));
    }

    /**
     * Whether the kernels run on such a device.
     *
     * @throws CudaException when they do not
     */
    static void requireSupported(String name, Properties p) {
        if (p.major() < OLDEST_CAPABILITY) {
            throw new CudaException(name + ", " + p.description() + ", has compute capability " + p.major() + "."
                    + p.minor() + "; the kernels need 8.0 (Ampere) or newer");
        }
    }

    /** What a device's machine code is compiled for: with the features of its own generation only, where there are such. */
    static String arch(int major, int minor) {
        boolean specific = minor == 0 && major >= 9;
        return "sm_" + major + minor + (specific ? "a" : "");
    }

    @Override
    public Properties properties() {
        return properties;
    }

    @Override
    public String name() {
        return name;
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
        return arch;
    }

    @Override
    public long allocate(long bytes) {
        return call("allocating " + bytes + " bytes", () -> {
            long address = driver.allocate(Math.max(1, bytes));
            allocations.put(address, bytes);
            return address;
        });
    }

    @Override
    public void free(long address) {
        // Also on a closed or lost device, where there is nothing left to give back.
        if (closed) {
            return;
        }
        if (allocations.remove(address) == null) {
            throw new IllegalArgumentException(
                    "0x" + Long.toHexString(address) + " is no memory of " + name + ", or was freed already");
        }
        if (lost == null) {
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
        if (recording.get() != null) {
            throw new CudaException(
                    "a graph is being recorded on " + name + ": no result can be read before it has run");
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
        Cubin cubin = cubins.get(watched ? DebugBuild.of(variant) : variant, arch);
        return call(
                "loading " + variant + ", made by " + cubin.compiler() + " for " + arch + ", into a driver of CUDA "
                        + driver.versionText(),
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
            String lack =
                    e.code() == Driver.OUT_OF_MEMORY || FATAL.contains(e.code()) ? null : driver.lack(cubin.compiler());
            throw lack == null ? e : new CudaException(e.getMessage() + "; " + lack, e, e.code());
        }
    }

    private synchronized DriverWaits waits() {
        if (waits == null) {
            waits = new DriverWaits(driver, stream, limit);
        }
        return waits;
    }

    @Override
    public void launch(Kernel kernel, Grid grid, MemorySegment arguments) {
        Function f = (Function) kernel;
        f.check(grid, arguments.byteSize());
        MemorySegment array = parameters.get();
        array.set(ValueLayout.ADDRESS, 0, arguments);
        long queue = queue();
        try {
            enter();
            f.allow(grid.shared());
            if (profile == null && Programmatic.waits(f.variant)) {
                driver.launchProgrammatic(f.handle, grid, queue, array);
            } else if (profile == null) {
                driver.launch(f.handle, grid, queue, array);
            } else {
                profile.around(entryName(f), queue, () -> driver.launch(f.handle, grid, queue, array));
            }
            launched(queue, new LaunchHistory.Launch(f, grid));
            if (queue != stream) {
                recording.get().kernels.merge(entryName(f), 1, Integer::sum);
            }
        } catch (CudaException e) {
            throw failure(new LaunchHistory.Launch(f, grid).toString(), e);
        }
    }

    private static String entryName(Function f) {
        return f.entry() + " of " + f.variant();
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
        if (recording.get() != null) {
            throw new CudaException("a graph is being recorded on " + name + ": there is nothing to wait for");
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
        if (recording.get() != null) {
            throw new CudaException("a graph is being recorded on this thread already");
        }
        return call("recording a graph", () -> {
            Tape tape = new Tape(driver.createStream());
            try {
                return record(tape, work);
            } finally {
                driver.destroyStream(tape.stream);
            }
        });
    }

    private Graph record(Tape tape, Runnable work) {
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
            return new Recorded(driver.instantiate(graph), tape.toString());
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

    /** Ends what is queued, and gives everything back that was taken here. Works on a lost device as well. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        if (lost == null) {
            quietly(this::synchronize);
        }
        closed = true;
        if (hangs) {
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
        quietly(() -> driver.releaseContext(device));
    }

    private interface Step {
        void run() throws Exception;
    }

    private void quietly(Step step) {
        try {
            step.run();
        } catch (Exception e) {
            LOG.log(lost == null ? Level.WARNING : Level.DEBUG, "closing " + name + ": " + e.getMessage());
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
        return recording.get() != null;
    }

    /** Where this thread's work goes. */
    long queue() {
        Tape own = recording.get();
        return own == null ? stream : own.stream;
    }

    /** Every call begins with it: other libraries of this process set contexts as well. */
    private void enter() {
        if (closed) {
            throw new CudaException(name + " is closed");
        }
        if (lost != null) {
            throw new CudaException(lost);
        }
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
            throw failure(what, e);
        }
    }

    /** What is thrown instead of an error of the driver; errors from elsewhere stay as they are. */
    private CudaException failure(String what, CudaException e) {
        if (e.code() == 0) {
            return e;
        }
        if (e.code() == Driver.OUT_OF_MEMORY) {
            throw outOfMemory(what, e);
        }
        if (FATAL.contains(e.code())) {
            if (lost == null) {
                hangs = e.code() == Driver.NOT_READY;
                String hang =
                        waits == null ? "" : waits.hang().map(h -> "; " + h).orElse("");
                lost = name + " is lost, " + e.getMessage() + ": " + history.describe() + hang
                        + ". Only a new process can use it again; the CPU goes on";
                LOG.log(Level.ERROR, lost);
            }
            return new CudaException(what + " on " + name + ": " + lost, e);
        }
        return new CudaException(what + " on " + name + ": " + e.getMessage(), e);
    }

    private OutOfMemoryError outOfMemory(String what, CudaException e) {
        String has = "";
        try {
            long[] m = driver.memoryInfo();
            has = ", which has " + m[0] + " of " + m[1] + " bytes free";
        } catch (CudaException none) {
            LOG.log(Level.DEBUG, "no figures of a full device", none);
        }
        long held = allocations.values().stream().mapToLong(Long::longValue).sum();
        OutOfMemoryError error = new OutOfMemoryError(
                what + " on " + name + has + "; this process holds " + held + " (" + e.getMessage() + ")");
        error.initCause(e);
        return error;
    }

    /** A variant's loaded machine code. */
    private final class Module {
        private final Variant variant;
        private final long handle;
        private final Map<String, Function> functions = new ConcurrentHashMap<>();

        Module(Variant variant, long handle) {
            this.variant = variant;
            this.handle = handle;
        }

        Function function(String entry) {
            Function f = functions.get(entry);
            return f != null ? f : functions.computeIfAbsent(entry, this::find);
        }

        private Function find(String entry) {
            return call("looking for " + entry + " in " + variant, () -> {
                long f = driver.function(handle, entry);
                int fixed = driver.functionAttribute(f, Driver.FUNCTION_SHARED_BYTES);
                return new Function(variant, entry, f, properties.sharedBytes() - fixed, driver.parameterBytes(f));
            });
        }
    }

    private final class Function implements Kernel {
        private final Variant variant;
        private final String entry;
        private final long handle;
        private final int mostShared;
        private final long parameterBytes;
        private volatile boolean allowed;

        Function(Variant variant, String entry, long handle, int mostShared, long parameterBytes) {
            this.variant = variant;
            this.entry = entry;
            this.handle = handle;
            this.mostShared = mostShared;
            this.parameterBytes = parameterBytes;
        }

        @Override
        public Variant variant() {
            return variant;
        }

        @Override
        public String entry() {
            return entry;
        }

        /** What the driver would refuse in fewer words, or not at all. */
        void check(Grid g, long argumentBytes) {
            String wrong = null;
            if (g.x() < 1
                    || g.y() < 1
                    || g.z() < 1
                    || g.x() > MAX_GRID_X
                    || g.y() > MAX_GRID_YZ
                    || g.z() > MAX_GRID_YZ) {
                wrong = "1 to 2147483647 x 65535 x 65535 blocks are possible";
            } else if (g.threads() < WARP || g.threads() > MAX_THREADS || g.threads() % WARP != 0) {
                wrong = "blocks of a multiple of 32 threads, up to 1024, are possible";
            } else if (g.shared() < 0 || g.shared() > mostShared) {
                wrong = "the device has " + mostShared + " bytes of shared memory left for it";
            } else if (parameterBytes >= 0 && (parameterBytes + Long.BYTES - 1 & -Long.BYTES) != argumentBytes) {
                wrong = "its struct has " + parameterBytes + " bytes, " + argumentBytes + " were packed";
            }
            if (wrong != null) {
                throw new CudaException(new LaunchHistory.Launch(this, g) + ": " + wrong);
            }
        }

        /** More shared memory than every kernel may have, its fixed arrays included, has to be asked for, once. */
        void allow(int shared) {
            int fixed = properties.sharedBytes() - mostShared;
            if (shared > FREE_SHARED_BYTES - fixed && !allowed) {
                driver.setFunctionAttribute(handle, Driver.FUNCTION_MAX_DYNAMIC_SHARED_BYTES, mostShared);
                allowed = true;
            }
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
            if (owned.remove(this) && !hangs) {
                quietly(() -> driver.setContext(context));
                quietly(() -> driver.destroyEvent(start));
                quietly(() -> driver.destroyEvent(stop));
            }
        }
    }

    private final class Recorded implements Graph {
        private final long executable;
        private final String name;

        Recorded(long executable, String name) {
            this.executable = executable;
            this.name = name;
            owned.add(this);
        }

        @Override
        public void launch() {
            if (recording.get() != null) {
                throw new CudaException("a graph cannot be queued while another is recorded");
            }
            run("launching a graph", () -> {
                driver.launchGraph(executable, stream);
                launched(stream, name);
            });
        }

        @Override
        public void close() {
            if (owned.remove(this) && !hangs) {
                if (lost == null && !closed) {
                    quietly(DriverEngine.this::synchronize);
                    if (hangs) {
                        return;
                    }
                }
                quietly(() -> driver.setContext(context));
                quietly(() -> driver.destroyExecutable(executable));
            }
        }
    }
}
