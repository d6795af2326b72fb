package io.aegis.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The CUDA driver API: the functions of {@code libcuda} that are used here, one method each, errors as {@link
 * CudaException}. Handles and device addresses are 64 bits wide on every platform that has a driver, so they are passed as
 * {@code long}; sizes as well.
 */
final class Driver {
    /** Status and attribute numbers of cuda.h. */
    static final int OUT_OF_MEMORY = 2;

    /** A wait's answer while work is queued; also the code of the error when that went on for too long. */
    static final int NOT_READY = 600;

    /**
     * What machine code of NVRTC 12, the oldest that is looked for, runs on. All functions that are bound without asking for them are
     * older: cuGraphInstantiateWithFlags, the youngest, came with 11.4.
     */
    static final int OLDEST = 12000;

    static final int CLOCK_KILOHERTZ = 13;
    static final int MULTIPROCESSORS = 16;
    static final int MEMORY_CLOCK_KILOHERTZ = 36;
    static final int L2_BYTES = 38;
    static final int CAPABILITY_MAJOR = 75;
    static final int CAPABILITY_MINOR = 76;
    static final int SHARED_OPT_IN = 97;

    static final int FUNCTION_SHARED_BYTES = 1;
    static final int FUNCTION_MAX_DYNAMIC_SHARED_BYTES = 8;

    private static final int MAP_F16 = 6;
    private static final int MAP_BF16 = 9;
    private static final int MAP_EXCHANGE_32 = 1;
    private static final int MAP_EXCHANGE_64 = 2;
    private static final int MAP_EXCHANGE_128 = 3;
    private static final int MAP_PROMOTE_128 = 2;

    private static final int PROGRAMMATIC_STREAM_SERIALIZATION = 6;
    private static final int PROGRAMMATIC_CAPTURE = 12030;
    private static final int ATTRIBUTE_BYTES = 72;
    private static final int CONFIG_BYTES = 56;

    private static final int NON_BLOCKING = 1;
    private static final int CAPTURE_RELAXED = 2;
    private static final int NAME_BYTES = 256;
    /** In a compiler's name and version. */
    private static final Pattern MAJOR = Pattern.compile("(?:NVRTC|nvcc) (\\d+)");

    private static final String OVERRIDE = "aegis.libcuda";

    private final Library library;
    private final Patience patience;
    private final MethodHandle getErrorName;
    private final MethodHandle getErrorString;
    private final MethodHandle init;
    private final MethodHandle driverGetVersion;
    private final MethodHandle deviceGetCount;
    private final MethodHandle deviceGet;
    private final MethodHandle deviceGetName;
    private final MethodHandle deviceTotalMem;
    private final MethodHandle deviceGetAttribute;
    private final MethodHandle primaryCtxRetain;
    private final MethodHandle primaryCtxRelease;
    private final MethodHandle ctxSetCurrent;
    private final MethodHandle memGetInfo;
    private final MethodHandle memAlloc;
    private final MethodHandle memFree;
    private final MethodHandle memHostAlloc;
    private final MethodHandle memFreeHost;
    private final MethodHandle memcpyHtoDAsync;
    private final MethodHandle memcpyDtoHAsync;
    private final MethodHandle memcpyDtoDAsync;
    private final MethodHandle memsetD8Async;
    private final MethodHandle streamCreate;
    private final MethodHandle streamDestroy;
    private final MethodHandle streamSynchronize;
    private final MethodHandle streamQuery;
    private final MethodHandle eventCreate;
    private final MethodHandle eventRecord;
    private final MethodHandle eventSynchronize;
    private final MethodHandle eventQuery;
    private final MethodHandle eventElapsedTime;
    private final MethodHandle eventDestroy;
    private final MethodHandle moduleLoadData;
    private final MethodHandle moduleUnload;
    private final MethodHandle moduleGetFunction;
    private final MethodHandle moduleGetGlobal;
    private final MethodHandle funcGetAttribute;
    private final MethodHandle funcSetAttribute;
    private final MethodHandle launchKernel;
    private final MethodHandle streamBeginCapture;
    private final MethodHandle streamEndCapture;
    private final MethodHandle graphInstantiate;
    private final MethodHandle graphDestroy;
    private final MethodHandle graphLaunch;
    private final MethodHandle graphExecDestroy;
    /** From driver 12.4 on. */
    private final Optional<MethodHandle> funcGetParamInfo;
    /** From driver 12.0 on. */
    private final Optional<MethodHandle> tensorMapEncodeTiled;
    /** From driver 11.8 on. */
    private final Optional<MethodHandle> launchKernelEx;

    /** Binds every function; calls none. Waits as long as the properties say. */
    Driver(Library library) {
        this(library, Patience.asked());
    }

    Driver(Library library, Patience patience) {
        this.library = library;
        this.patience = patience;
        getErrorName = library.function("cuGetErrorName", JAVA_INT, ADDRESS);
        getErrorString = library.function("cuGetErrorString", JAVA_INT, ADDRESS);
        init = library.function("cuInit", JAVA_INT);
        driverGetVersion = library.function("cuDriverGetVersion", ADDRESS);
        deviceGetCount = library.function("cuDeviceGetCount", ADDRESS);
        deviceGet = library.function("cuDeviceGet", ADDRESS, JAVA_INT);
        deviceGetName = library.function("cuDeviceGetName", ADDRESS, JAVA_INT, JAVA_INT);
        deviceTotalMem = library.function("cuDeviceTotalMem_v2", ADDRESS, JAVA_INT);
        deviceGetAttribute = library.function("cuDeviceGetAttribute", ADDRESS, JAVA_INT, JAVA_INT);
        primaryCtxRetain = library.function("cuDevicePrimaryCtxRetain", ADDRESS, JAVA_INT);
        primaryCtxRelease = library.function("cuDevicePrimaryCtxRelease_v2", JAVA_INT);
        ctxSetCurrent = library.function("cuCtxSetCurrent", JAVA_LONG);
        memGetInfo = library.function("cuMemGetInfo_v2", ADDRESS, ADDRESS);
        memAlloc = library.function("cuMemAlloc_v2", ADDRESS, JAVA_LONG);
        memFree = library.function("cuMemFree_v2", JAVA_LONG);
        memHostAlloc = library.function("cuMemHostAlloc", ADDRESS, JAVA_LONG, JAVA_INT);
        memFreeHost = library.function("cuMemFreeHost", ADDRESS);
        memcpyHtoDAsync = library.function("cuMemcpyHtoDAsync_v2", JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG);
        memcpyDtoHAsync = library.function("cuMemcpyDtoHAsync_v2", ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG);
        memcpyDtoDAsync = library.function("cuMemcpyDtoDAsync_v2", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
        // The value is an unsigned char: as an int of 0 to 255 it is extended as every ABI wants it.
        memsetD8Async = library.function("cuMemsetD8Async", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
        streamCreate = library.function("cuStreamCreate", ADDRESS, JAVA_INT);
        streamDestroy = library.function("cuStreamDestroy_v2", JAVA_LONG);
        streamSynchronize = library.function("cuStreamSynchronize", JAVA_LONG);
        streamQuery = library.function("cuStreamQuery", JAVA_LONG);
        eventCreate = library.function("cuEventCreate", ADDRESS, JAVA_INT);
        eventRecord = library.function("cuEventRecord", JAVA_LONG, JAVA_LONG);
        eventSynchronize = library.function("cuEventSynchronize", JAVA_LONG);
        eventQuery = library.function("cuEventQuery", JAVA_LONG);
        eventElapsedTime = library.function("cuEventElapsedTime", ADDRESS, JAVA_LONG, JAVA_LONG);
        eventDestroy = library.function("cuEventDestroy_v2", JAVA_LONG);
        moduleLoadData = library.function("cuModuleLoadData", ADDRESS, ADDRESS);
        moduleUnload = library.function("cuModuleUnload", JAVA_LONG);
        moduleGetFunction = library.function("cuModuleGetFunction", ADDRESS, JAVA_LONG, ADDRESS);
        moduleGetGlobal = library.function("cuModuleGetGlobal_v2", ADDRESS, ADDRESS, JAVA_LONG, ADDRESS);
        funcGetAttribute = library.function("cuFuncGetAttribute", ADDRESS, JAVA_INT, JAVA_LONG);
        funcSetAttribute = library.function("cuFuncSetAttribute", JAVA_LONG, JAVA_INT, JAVA_INT);
        launchKernel = library.function(
                "cuLaunchKernel",
                JAVA_LONG, // function
                JAVA_INT, // grid x, y, z
                JAVA_INT,
                JAVA_INT,
                JAVA_INT, // block x, y, z
                JAVA_INT,
                JAVA_INT,
                JAVA_INT, // dynamic shared memory
                JAVA_LONG, // stream
                ADDRESS, // an array of the parameters' addresses
                ADDRESS); // extra
        streamBeginCapture = library.function("cuStreamBeginCapture_v2", JAVA_LONG, JAVA_INT);
        streamEndCapture = library.function("cuStreamEndCapture", JAVA_LONG, ADDRESS);
        graphInstantiate = library.function("cuGraphInstantiateWithFlags", ADDRESS, JAVA_LONG, JAVA_LONG);
        graphDestroy = library.function("cuGraphDestroy", JAVA_LONG);
        graphLaunch = library.function("cuGraphLaunch", JAVA_LONG, JAVA_LONG);
        graphExecDestroy = library.function("cuGraphExecDestroy", JAVA_LONG);
        launchKernelEx = library.optional(
                "cuLaunchKernelEx",
                ADDRESS, // the configuration
                JAVA_LONG, // function
                ADDRESS, // an array of the parameters' addresses
                ADDRESS); // extra
        funcGetParamInfo = library.optional("cuFuncGetParamInfo", JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS);
        tensorMapEncodeTiled = library.optional(
                "cuTensorMapEncodeTiled",
                ADDRESS, // the map
                JAVA_INT, // type of the elements
                JAVA_INT, // rank
                JAVA_LONG, // address
                ADDRESS, // sizes, 64 bits each
                ADDRESS, // strides in bytes, but for the innermost
                ADDRESS, // box, 32 bits each
                ADDRESS, // steps of elements
                JAVA_INT, // interleaving
                JAVA_INT, // exchange of chunks
                JAVA_INT, // promotion in the second-level cache
                JAVA_INT); // what lies outside
    }

    /**
     * The driver of this machine, initialised.
     *
     * @param driver null when there is none that works
     * @param problem why not, and what would help; null when there is one
     */
    record Probe(Driver driver, String problem) {}

    private static final class Machine {
        static final Probe PROBE = probe(names());
    }

    /** Looks for the driver, once. Never throws. */
    static Probe probe() {
        return Machine.PROBE;
    }

    private static List<String> names() {
        String given = System.getProperty(OVERRIDE);
        if (given != null) {
            return List.of(given);
        }
        String os = System.getProperty("os.name", "");
        return os.startsWith("Windows")
                ? List.of("nvcuda.dll")
                : List.of("libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1");
    }

    /** The first of these libraries that loads, initialised. */
    static Probe probe(List<String> names) {
        Patience patience;
        try {
            patience = Patience.asked();
        } catch (CudaException e) {
            return new Probe(null, e.getMessage());
        }
        CudaException first = null;
        for (String name : names) {
            Library library;
            try {
                library = Library.open(name);
            } catch (CudaException e) {
                first = first == null ? e : first;
                continue;
            }
            try {
                String old = tooOld(library);
                if (old != null) {
                    return new Probe(null, old);
                }
                Driver driver = new Driver(library, patience);
                driver.init();
                return new Probe(driver, null);
            } catch (CudaException e) {
                return new Probe(null, advice(e));
            }
        }
        String what = first == null ? "libcuda" : first.getMessage();
        return new Probe(
                null,
                "no NVIDIA driver (" + what + "): install one from nvidia.com/drivers or the system's packages; in a"
                        + " container, start it with the GPU, for instance docker run --gpus all");
    }

    /** Asked before anything else is bound, which an old driver may lack; null for one that is new enough or does not say. */
    private static String tooOld(Library library) {
        Optional<MethodHandle> get = library.optional("cuDriverGetVersion", ADDRESS);
        if (get.isEmpty()) {
            return null;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment version = arena.allocate(JAVA_INT);
            MethodHandle call = get.get();
            int status = Library.status(() -> (int) call.invokeExact(version));
            int found = version.get(JAVA_INT, 0);
            return status != 0 || found >= OLDEST
                    ? null
                    : "the NVIDIA driver (" + library.name() + ") is too old: it is for CUDA " + text(found) + ", and "
                            + text(OLDEST)
                            + " or newer is needed (525 or newer, as nvidia-smi counts); install one from"
                            + " nvidia.com/drivers or the system's packages, for a container on its host";
        }
    }

    private static String advice(CudaException e) {
        String help =
                switch (e.code()) {
                    case 34 -> ": this is a stub for linking; the driver's own libcuda has to come first";
                    case 100 ->
                        ": there is a driver, but no GPU that this process may use"
                                + " (CUDA_VISIBLE_DEVICES, or the container's devices)";
                    case 802 -> ": the fabric manager of these GPUs is not running";
                    case 803 -> ": libcuda and the kernel's module are of different versions; reboot after an update";
                    case 999 -> ": the kernel's module may not be loaded (modprobe nvidia_uvm)";
                    default -> "";
                };
        return "the NVIDIA driver does not start: " + e.getMessage() + help;
    }

    /** The library's name or file. */
    String name() {
        return library.name();
    }

    void init() {
        check("cuInit", () -> (int) init.invokeExact(0));
    }

    /** The newest CUDA that the driver serves, as 1000 * major + 10 * minor. */
    int version() {
        return intOut("cuDriverGetVersion", p -> (int) driverGetVersion.invokeExact(p));
    }

    /** As {@code 13.0}. */
    String versionText() {
        return text(version());
    }

    private static String text(int version) {
        return version / 1000 + "." + version % 1000 / 10;
    }

    /**
     * Why machine code may be refused here, and what would help; null where the driver is new enough for it. Code of one CUDA runs on
     * drivers of the same major version and newer ("CUDA Compatibility", minor version compatibility).
     *
     * @param compiler who made it, such as {@code NVRTC 13.0}
     */
    String lack(String compiler) {
        Matcher made = MAJOR.matcher(compiler);
        int major = made.find() ? Integer.parseInt(made.group(1)) : 0;
        return major <= version() / 1000
                ? null
                : "machine code of " + compiler + " needs a driver for CUDA " + major
                        + ".0 or newer, and this one is for "
                        + versionText() + ": install a newer driver, or give the folder of libnvrtc.so."
                        + version() / 1000 + " by -D" + Compilers.NVRTC + "=DIR";
    }

    int devices() {
        return intOut("cuDeviceGetCount", p -> (int) deviceGetCount.invokeExact(p));
    }

    int device(int index) {
        return intOut("cuDeviceGet", p -> (int) deviceGet.invokeExact(p, index));
    }

    String deviceName(int device) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocate(NAME_BYTES);
            check("cuDeviceGetName", () -> (int) deviceGetName.invokeExact(text, NAME_BYTES, device));
            return text.getString(0);
        }
    }

    long deviceMemory(int device) {
        return longOut("cuDeviceTotalMem", p -> (int) deviceTotalMem.invokeExact(p, device));
    }

    int attribute(int device, int attribute) {
        return intOut("cuDeviceGetAttribute", p -> (int) deviceGetAttribute.invokeExact(p, attribute, device));
    }

    long retainContext(int device) {
        return longOut("cuDevicePrimaryCtxRetain", p -> (int) primaryCtxRetain.invokeExact(p, device));
    }

    void releaseContext(int device) {
        check("cuDevicePrimaryCtxRelease", () -> (int) primaryCtxRelease.invokeExact(device));
    }

    /** Makes a context this thread's; 0 for none. */
    void setContext(long context) {
        check("cuCtxSetCurrent", () -> (int) ctxSetCurrent.invokeExact(context));
    }

    /** Free and total memory of the current context's device. */
    long[] memoryInfo() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment free = arena.allocate(JAVA_LONG);
            MemorySegment total = arena.allocate(JAVA_LONG);
            check("cuMemGetInfo", () -> (int) memGetInfo.invokeExact(free, total));
            return new long[] {free.get(JAVA_LONG, 0), total.get(JAVA_LONG, 0)};
        }
    }

    long allocate(long bytes) {
        return longOut("cuMemAlloc", p -> (int) memAlloc.invokeExact(p, bytes));
    }

    void free(long address) {
        check("cuMemFree", () -> (int) memFree.invokeExact(address));
    }

    /**
     * Memory of the host that the device copies from and to by itself, and that kernels may access at the same address (cuda.h: all of
     * it is mapped where the device's addresses are the host's, as on every 64-bit system).
     */
    MemorySegment allocatePinned(long bytes) {
        long address = longOut("cuMemHostAlloc", p -> (int) memHostAlloc.invokeExact(p, bytes, 0));
        return MemorySegment.ofAddress(address).reinterpret(bytes);
    }

    void freePinned(MemorySegment memory) {
        check("cuMemFreeHost", () -> (int) memFreeHost.invokeExact(memory));
    }

    void upload(long to, MemorySegment from, long stream) {
        check("cuMemcpyHtoDAsync", () -> (int) memcpyHtoDAsync.invokeExact(to, from, from.byteSize(), stream));
    }

    void download(MemorySegment to, long from, long stream) {
        check("cuMemcpyDtoHAsync", () -> (int) memcpyDtoHAsync.invokeExact(to, from, to.byteSize(), stream));
    }

    void copy(long to, long from, long bytes, long stream) {
        check("cuMemcpyDtoDAsync", () -> (int) memcpyDtoDAsync.invokeExact(to, from, bytes, stream));
    }

    void fill(long to, byte value, long bytes, long stream) {
        check("cuMemsetD8Async", () -> (int) memsetD8Async.invokeExact(to, value & 0xff, bytes, stream));
    }

    /** A stream that does not wait for the default one. */
    long createStream() {
        return longOut("cuStreamCreate", p -> (int) streamCreate.invokeExact(p, NON_BLOCKING));
    }

    void destroyStream(long stream) {
        check("cuStreamDestroy", () -> (int) streamDestroy.invokeExact(stream));
    }

    /**
     * Waits for all that is queued.
     *
     * @throws CudaException of {@link #NOT_READY} when that takes too long
     */
    void synchronize(long stream) {
        if (patience.isEndless()) {
            check("cuStreamSynchronize", () -> (int) streamSynchronize.invokeExact(stream));
        } else {
            check("cuStreamQuery", () -> patience.await(() -> (int) streamQuery.invokeExact(stream)));
        }
    }

    long createEvent() {
        return longOut("cuEventCreate", p -> (int) eventCreate.invokeExact(p, 0));
    }

    void record(long event, long stream) {
        check("cuEventRecord", () -> (int) eventRecord.invokeExact(event, stream));
    }

    /** As {@link #synchronize}, for what was queued before an event. */
    void await(long event) {
        if (patience.isEndless()) {
            check("cuEventSynchronize", () -> (int) eventSynchronize.invokeExact(event));
        } else {
            check("cuEventQuery", () -> patience.await(() -> (int) eventQuery.invokeExact(event)));
        }
    }

    float milliseconds(long start, long end) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment p = arena.allocate(JAVA_FLOAT);
            check("cuEventElapsedTime", () -> (int) eventElapsedTime.invokeExact(p, start, end));
            return p.get(JAVA_FLOAT, 0);
        }
    }

    void destroyEvent(long event) {
        check("cuEventDestroy", () -> (int) eventDestroy.invokeExact(event));
    }

    long loadModule(byte[] cubin) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment image = arena.allocate(cubin.length, Long.BYTES);
            MemorySegment.copy(cubin, 0, image, JAVA_BYTE, 0, cubin.length);
            return longOut("cuModuleLoadData", p -> (int) moduleLoadData.invokeExact(p, image));
        }
    }

    void unloadModule(long module) {
        check("cuModuleUnload", () -> (int) moduleUnload.invokeExact(module));
    }

    long function(long module, String entry) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom(entry);
            return longOut("cuModuleGetFunction", p -> (int) moduleGetFunction.invokeExact(p, module, name));
        }
    }

    /** The address of a module's variable. */
    long variable(long module, String name) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocateFrom(name);
            MemorySegment bytes = arena.allocate(JAVA_LONG);
            return longOut("cuModuleGetGlobal", p -> (int) moduleGetGlobal.invokeExact(p, bytes, module, text));
        }
    }

    int functionAttribute(long function, int attribute) {
        return intOut("cuFuncGetAttribute", p -> (int) funcGetAttribute.invokeExact(p, attribute, function));
    }

    void setFunctionAttribute(long function, int attribute, int value) {
        check("cuFuncSetAttribute", () -> (int) funcSetAttribute.invokeExact(function, attribute, value));
    }

    /** Bytes of a function's first parameter; -1 where the driver cannot say. */
    long parameterBytes(long function) {
        if (funcGetParamInfo.isEmpty()) {
            return -1;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment offset = arena.allocate(JAVA_LONG);
            MemorySegment size = arena.allocate(JAVA_LONG);
            MethodHandle call = funcGetParamInfo.get();
            int status = Library.status(() -> (int) call.invokeExact(function, 0L, offset, size));
            return status == 0 ? size.get(JAVA_LONG, 0) : -1;
        }
    }

    /**
     * Queues a kernel of blocks of {@code threads} threads.
     *
     * @param parameters an array of one address for each parameter; what they point to is copied before this returns
     */
    void launch(long function, Engine.Grid grid, long stream, MemorySegment parameters) {
        int x = (int) grid.x();
        int y = (int) grid.y();
        int z = (int) grid.z();
        int threads = grid.threads();
        int shared = grid.shared();
        check("cuLaunchKernel", () -> (int) launchKernel.invokeExact(
                function, x, y, z, threads, 1, 1, shared, stream, parameters, MemorySegment.NULL));
    }

    /** Whether {@link #launchProgrammatic} can be asked for, also while a graph is recorded: from CUDA 12.3 on. */
    boolean hasProgrammaticLaunches() {
        return launchKernelEx.isPresent() && version() >= PROGRAMMATIC_CAPTURE;
    }

    /**
     * As {@link #launch}, of a kernel that may begin before the one that was queued before it has ended, and waits for it itself. The
     * structs are CUlaunchConfig and CUlaunchAttribute of cuda.h.
     */
    void launchProgrammatic(long function, Engine.Grid grid, long stream, MemorySegment parameters) {
        MethodHandle launch = launchKernelEx.orElseThrow(
                () -> new CudaException("this driver has no cuLaunchKernelEx: 11.8 or newer is needed"));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment attribute = arena.allocate(ATTRIBUTE_BYTES, Long.BYTES);
            attribute.set(JAVA_INT, 0, PROGRAMMATIC_STREAM_SERIALIZATION);
            attribute.set(JAVA_INT, 8, 1); // allowed
            MemorySegment config = arena.allocate(CONFIG_BYTES, Long.BYTES);
            int[] shape = {(int) grid.x(), (int) grid.y(), (int) grid.z(), grid.threads(), 1, 1, grid.shared()};
            MemorySegment.copy(shape, 0, config, JAVA_INT, 0, shape.length);
            config.set(JAVA_LONG, 32, stream);
            config.set(ADDRESS, 40, attribute);
            config.set(JAVA_INT, 48, 1); // attribute
            check("cuLaunchKernelEx", () -> (int) launch.invokeExact(config, function, parameters, MemorySegment.NULL));
        }
    }

    /** Whether the driver knows maps of tensors. */
    boolean hasTensorMaps() {
        return tensorMapEncodeTiled.isPresent();
    }

    /** Writes the driver's form of a map; a call on the host alone. */
    void encode(TensorMap map, MemorySegment to) {
        MethodHandle encode = tensorMapEncodeTiled.orElseThrow(
                () -> new CudaException("this driver has no cuTensorMapEncodeTiled: 12.0 or newer is needed"));
        int type =
                switch (map.dtype()) {
                    case F16 -> MAP_F16;
                    case BF16 -> MAP_BF16;
                    default -> throw new IllegalArgumentException("maps are of F16 and BF16, not of " + map.dtype());
                };
        int exchange =
                switch (map.rowBytes()) {
                    case 32 -> MAP_EXCHANGE_32;
                    case 64 -> MAP_EXCHANGE_64;
                    default -> MAP_EXCHANGE_128;
                };
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment sizes = arena.allocateFrom(JAVA_LONG, map.sizes());
            MemorySegment strides = arena.allocateFrom(
                    JAVA_LONG,
                    Arrays.stream(map.strides())
                            .map(s -> s * map.dtype().bytes())
                            .toArray());
            MemorySegment box = arena.allocateFrom(JAVA_INT, map.box());
            MemorySegment steps = arena.allocateFrom(JAVA_INT, 1, 1, 1, 1);
            // The driver wants more alignment than a slice of arguments promises.
            MemorySegment aligned = arena.allocate(TensorMap.BYTES, TensorMap.ALIGNMENT);
            check("cuTensorMapEncodeTiled", () -> (int) encode.invokeExact(
                    aligned,
                    type,
                    TensorMap.RANK,
                    map.address(),
                    sizes,
                    strides,
                    box,
                    steps,
                    0,
                    exchange,
                    MAP_PROMOTE_128,
                    0));
            to.copyFrom(aligned);
        }
    }

    void beginCapture(long stream) {
        check("cuStreamBeginCapture", () -> (int) streamBeginCapture.invokeExact(stream, CAPTURE_RELAXED));
    }

    long endCapture(long stream) {
        return longOut("cuStreamEndCapture", p -> (int) streamEndCapture.invokeExact(stream, p));
    }

    long instantiate(long graph) {
        return longOut("cuGraphInstantiate", p -> (int) graphInstantiate.invokeExact(p, graph, 0L));
    }

    void destroyGraph(long graph) {
        check("cuGraphDestroy", () -> (int) graphDestroy.invokeExact(graph));
    }

    void launchGraph(long executable, long stream) {
        check("cuGraphLaunch", () -> (int) graphLaunch.invokeExact(executable, stream));
    }

    void destroyExecutable(long executable) {
        check("cuGraphExecDestroy", () -> (int) graphExecDestroy.invokeExact(executable));
    }

    /** A call that writes its result through its first pointer. */
    @FunctionalInterface
    private interface Out {
        int run(MemorySegment result) throws Throwable;
    }

    private int intOut(String name, Out call) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment p = arena.allocate(JAVA_INT);
            check(name, () -> call.run(p));
            return p.get(JAVA_INT, 0);
        }
    }

    private long longOut(String name, Out call) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment p = arena.allocate(JAVA_LONG);
            check(name, () -> call.run(p));
            return p.get(JAVA_LONG, 0);
        }
    }

    private void check(String name, Library.Call call) {
        int status = Library.status(call);
        if (status != 0) {
            throw new CudaException(
                    name + ": " + text(getErrorName, status, "error") + " (" + status + "), "
                            + text(getErrorString, status, "of which this driver has no description"),
                    null,
                    status);
        }
    }

    private String text(MethodHandle lookup, int code, String otherwise) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment p = arena.allocate(ADDRESS);
            int status = Library.status(() -> (int) lookup.invokeExact(code, p));
            MemorySegment at = p.get(ADDRESS, 0);
            return status != 0 || at.address() == 0
                    ? otherwise
                    : at.reinterpret(NAME_BYTES * 4L).getString(0);
        }
    }
}
