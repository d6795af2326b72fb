package io.aegis.kernels.cuda;

import io.aegis.kernels.Device;
import io.aegis.kernels.Kernels;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongPredicate;

/** GPUs of this machine, and the kernels that run on them. Asking is safe on every machine. */
public final class CudaBackend {
    private CudaBackend() {}

    /** What the driver shows; empty where there is none. Never throws. */
    public static List<DeviceReport> devices() {
        Driver driver = Driver.probe().driver();
        return driver == null ? List.of() : devices(driver);
    }

    static List<DeviceReport> devices(Driver driver) {
        List<DeviceReport> all = new ArrayList<>();
        int count = 0;
        try {
            count = driver.devices();
        } catch (CudaException e) {
            return List.of();
        }
        for (int i = 0; i < count; i++) {
            try {
                DriverDevice device = DriverDevice.of(driver, i);
                Engine.Properties p = device.properties();
                String problem = null;
                try {
                    device.requireSupported();
                } catch (CudaException e) {
                    problem = e.getMessage();
                }
                all.add(new DeviceReport(
                        i,
                        p.description(),
                        p.major() + "." + p.minor(),
                        device.arch(),
                        p.memory(),
                        p.multiprocessors(),
                        megahertz(driver, i, Driver.CLOCK_KILOHERTZ),
                        megahertz(driver, i, Driver.MEMORY_CLOCK_KILOHERTZ),
                        problem));
            } catch (CudaException e) {
                all.add(new DeviceReport(i, "a GPU that does not answer", "", "", 0, 0, 0, 0, e.getMessage()));
            }
        }
        return all;
    }

    /** A clock's limit; 0 where a driver knows no such attribute. */
    private static int megahertz(Driver driver, int index, int attribute) {
        try {
            return driver.attribute(driver.device(index), attribute) / 1000;
        } catch (CudaException e) {
            return 0;
        }
    }

    /** Why no GPU can be used, and what would help, in one sentence; null when one can. Never throws. */
    public static String unavailable() {
        Driver.Probe driver = Driver.probe();
        if (driver.driver() == null) {
            return driver.problem();
        }
        List<DeviceReport> devices = devices(driver.driver());
        if (devices.isEmpty()) {
            return "the driver shows no GPU to this process";
        }
        if (devices.stream().allMatch(d -> d.problem() != null)) {
            return devices.getFirst().problem();
        }
        for (DeviceReport d : devices) {
            if (d.problem() == null && readiness(d.arch()).missing() == 0) {
                return null;
            }
        }
        return Compilers.probe().problem();
    }

    /** The driver; null when there is none that works. */
    public static DriverReport driver() {
        Driver driver = Driver.probe().driver();
        return driver == null ? null : DriverReport.of(driver);
    }

    /**
     * What compiles kernels here.
     *
     * @param name name and version; null when there is none
     * @param path its file; null when there is none
     * @param problem why there is none, and what would help; null when there is one
     */
    public record CompilerReport(String name, String path, String problem) {}

    /** What compiles kernels here, or why nothing does. Never throws. */
    public static CompilerReport compiler() {
        Compilers.Probe probe = Compilers.probe();
        return probe.compiler() == null
                ? new CompilerReport(null, null, probe.problem())
                : new CompilerReport(probe.compiler().name(), probe.compiler().path(), null);
    }

    /** cuDNN's file and version, or why it cannot be used; no device is opened. Never throws. */
    public static String cudnn() {
        return cudnn(Cudnn.find());
    }

    static String cudnn(Cudnn.Found found) {
        return found.library() == null
                ? "not used: " + found.reason()
                : found.library().versionText() + ", " + found.library().name()
                        + (Boolean.getBoolean(CudnnAttention.PROPERTY)
                                ? ", before our own attention"
                                : "; for gpu-bench and gpu-check, else with -D" + CudnnAttention.PROPERTY + "=true");
    }

    /**
     * How the kernels for one architecture are served; the four add up to all variants that its devices ask for.
     *
     * @param shipped compiled ahead, they came with the program
     * @param cached compiled before on this machine
     * @param compiled when they are first used
     * @param missing neither there nor to be compiled here
     * @param cache where compiled ones are kept
     */
    public record Readiness(int shipped, int cached, int compiled, int missing, String cache) {
        /** How many variants there are. */
        public int variants() {
            return shipped + cached + compiled + missing;
        }
    }

    /** How the kernels for an architecture such as {@code sm_90a} would be served on this machine. */
    public static Readiness readiness(String arch) {
        return readiness(Cubins.ofMachine(), KernelCatalogue.variants(), arch);
    }

    static Readiness readiness(Cubins cubins, List<Variant> variants, String arch) {
        Map<Cubins.Source, Integer> counts = new EnumMap<>(Cubins.Source.class);
        variants.stream()
                .filter(v -> KernelCatalogue.isAskedFor(v, arch))
                .forEach(v -> counts.merge(cubins.source(v, arch), 1, Integer::sum));
        return new Readiness(
                counts.getOrDefault(Cubins.Source.SHIPPED, 0),
                counts.getOrDefault(Cubins.Source.CACHED, 0),
                counts.getOrDefault(Cubins.Source.COMPILER, 0),
                counts.getOrDefault(Cubins.Source.NONE, 0),
                cubins.cache().toString());
    }

    /** The architectures that every kernel is compiled for when the program is tested. */
    public static List<String> architectures() {
        return KernelCatalogue.ARCHITECTURES;
    }

    /**
     * The kernels of a GPU; to be closed when they are no longer used.
     *
     * @param index of the GPU, from 0
     * @param precision what matrix products and attention round their operands to
     * @throws CudaException when there is no such GPU or it cannot be used: what is missing, and how to get it
     */
    public static Kernels open(int index, Precision precision) {
        Driver.Probe probe = Driver.probe();
        if (probe.driver() == null) {
            throw new CudaException("cuda:" + index + " cannot be used: " + probe.problem());
        }
        return open(probe.driver(), index, precision, Cubins.ofMachine());
    }

    /** Without any machine code it is refused here: whoever opens it, before a run of hours say, has written nothing yet. */
    static CudaKernels open(Driver driver, int index, Precision precision, Cubins cubins) {
        DriverEngine engine = new DriverEngine(driver, index, cubins);
        String problem = cubins.problem(engine.arch());
        if (problem != null) {
            engine.close();
            throw new CudaException(
                    engine.name() + ", " + engine.properties().description() + ", cannot be used: " + problem);
        }
        return new CudaKernels(engine, new Device(Device.Kind.CUDA, index), precision);
    }

    /**
     * The same kernels on the host, thread by thread: for tests, thousands of times slower.
     *
     * @throws CudaException when there is no host compiler for them
     */
    public static Kernels emulator(Precision precision) {
        return emulator(precision, bytes -> true);
    }

    /**
     * As above, on a device whose memory ends when a test says so.
     *
     * @param room asked before each allocation of the device, with its bytes; false: there is no memory left
     */
    public static Kernels emulator(Precision precision, LongPredicate room) {
        return new CudaKernels(new EmulatorEngine(room), new Device(Device.Kind.CUDA, 0), precision);
    }

    /**
     * Why the kernels of compute capability 9.0 alone (hopper.cuh) are not taken where they could be, one phrase; null when
     * they are.
     */
    public static String hopperProblem(Kernels kernels) {
        return kernels instanceof CudaKernels cuda ? Hopper.problem(cuda.cuda()) : "these are no kernels of a GPU";
    }

    /**
     * The same GPU's kernels over the same memory, going one way: to compare ways in one process. The given ones stay the
     * owner; these are not to be closed.
     *
     * @throws IllegalArgumentException with {@link #problem(Kernels, Route)} where there is one
     */
    public static Kernels through(Kernels kernels, Route route) {
        String problem = problem(kernels, route);
        if (problem != null) {
            throw new IllegalArgumentException(route + ": " + problem);
        }
        return ((CudaKernels) kernels).through(route);
    }

    /**
     * Keeps what was measured of a card for this user: from how many multiplications on a product is cuBLASLt's. Kernels that are opened
     * from then on go by it, unless {@code -Daegis.cuda.products} says otherwise.
     *
     * @param least by what is behind a product: NOTHING, SUM, PASS and GATE; the largest long for never
     * @param source when and by what it was measured
     * @return the file
     * @throws IllegalArgumentException when these are not kernels of a GPU, or the names others
     */
    public static Path keepProducts(Kernels kernels, Map<String, Long> least, String source) {
        if (!(kernels instanceof CudaKernels cuda)) {
            throw new IllegalArgumentException("these are no kernels of a GPU");
        }
        Map<Behind, Long> all = new EnumMap<>(Behind.class);
        least.forEach((name, from) -> all.put(Behind.valueOf(name), from));
        if (all.size() < Behind.values().length) {
            throw new IllegalArgumentException(least.keySet() + ", expected " + List.of(Behind.values()));
        }
        String card = cuda.cuda().properties().description();
        Path file = LibraryShare.file(card);
        try {
            Files.createDirectories(file.getParent());
            Files.write(file, new LibraryShare(all, card + ", " + source).lines());
        } catch (IOException e) {
            throw new UncheckedIOException(file + " cannot be written: " + e.getMessage(), e);
        }
        return file;
    }

    /** Why kernels cannot go a way, one phrase; null when they can. */
    public static String problem(Kernels kernels, Route route) {
        if (!(kernels instanceof CudaKernels cuda)) {
            return "these are no kernels of a GPU";
        }
        return switch (route) {
            case BEST, PORTABLE -> null;
            case HOPPER -> Hopper.missing(cuda.cuda());
            case LIBRARY ->
                cuda.cuda().engine() instanceof DriverEngine driver
                        ? driver.products().reason()
                        : "a GPU's library, and this is the emulator";
            case CUDNN ->
                cuda.cuda().engine() instanceof DriverEngine driver
                        ? driver.attention().reason()
                        : "a GPU's library, and this is the emulator";
        };
    }

    /**
     * Runs work, and tells which of a GPU's kernels it launched: their entries, {@code cublasLt}, {@code cudnn}, and {@code graph}
     * for all that was recorded, in the order of their first launch. For one thread at a time.
     */
    public static List<String> launched(Kernels kernels, Runnable work) {
        List<String> names = new ArrayList<>(launches(kernels, work).keySet());
        names.removeAll(List.of(Cuda.COPY, Cuda.FILL));
        return names;
    }

    /**
     * Runs work, and tells what it queues on a GPU and how often: entries of kernels, {@code cublasLt}, {@code cudnn}, and {@code copy} and {@code
     * fill} for what needs no kernel. For one thread at a time.
     */
    public static Map<String, Integer> launches(Kernels kernels, Runnable work) {
        if (kernels instanceof CudaKernels cuda) {
            return cuda.cuda().launched(work);
        }
        work.run();
        return Map.of();
    }
}
