package io.aegis.kernels.cuda;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What there is for a GPU on a machine, line by line: devices, their driver, what compiles kernels, the toolkit's libraries, and for each
 * file of kernels where its machine code comes from. Where something is missing its line says how to get it. Never throws.
 */
public final class CudaDiagnosis {
    private final Driver.Probe probe;
    private final Compilers.Probe compilers;
    private final Cubins cubins;
    private final List<Variant> variants;
    private final Path module;

    /**
     * @param subject one word; empty for one more line of the subject before
     * @param text a line
     */
    public record Line(String subject, String text) {}

    CudaDiagnosis(Driver.Probe probe, Compilers.Probe compilers, Cubins cubins, List<Variant> variants, Path module) {
        this.probe = probe;
        this.compilers = compilers;
        this.cubins = cubins;
        this.variants = variants;
        this.module = module;
    }

    /** Of this machine. */
    public static List<Line> ofMachine() {
        List<Line> lines = new CudaDiagnosis(
                        Driver.probe(),
                        Compilers.probe(),
                        Cubins.ofMachine(),
                        KernelCatalogue.variants(),
                        DriverReport.MODULE)
                .lines();
        lines.addAll(libraries(CublasLt.look(), Cudnn.find()));
        return List.copyOf(lines);
    }

    /** All but the toolkit's libraries. */
    List<Line> lines() {
        List<Line> out = new ArrayList<>();
        List<DeviceReport> devices = probe.driver() == null ? List.of() : CudaBackend.devices(probe.driver());
        devices.forEach(d -> out.add(new Line("gpu", device(d))));
        if (probe.driver() == null) {
            out.add(new Line("gpu", "not used: " + probe.problem()));
        } else {
            if (devices.isEmpty()) {
                out.add(new Line(
                        "gpu",
                        "not used: the driver shows no GPU to this process (CUDA_VISIBLE_DEVICES, or the container's"
                                + " devices)"));
            }
            driver(out);
        }
        compiler(out);
        devices.stream()
                .filter(d -> d.problem() == null)
                .map(DeviceReport::arch)
                .distinct()
                .forEach(arch -> cubins(out, arch));
        return out;
    }

    private static String device(DeviceReport d) {
        return String.format(
                "cuda:%d %s, %,d MB, compute capability %s, %d multiprocessors%s",
                d.index(),
                d.name(),
                d.memory() >> 20,
                d.capability(),
                d.multiprocessors(),
                d.problem() == null ? "" : "; not used: " + d.problem());
    }

    private void driver(List<Line> out) {
        Driver driver = probe.driver();
        try {
            DriverReport report = DriverReport.of(driver, module);
            out.add(new Line(
                    "driver",
                    report + (report.version().isEmpty() ? ", " + module + " does not tell its version" : "")));
            String lack = compilers.compiler() == null
                    ? null
                    : driver.lack(compilers.compiler().name());
            if (lack != null) {
                out.add(new Line("driver", "may refuse kernels: " + lack));
            }
        } catch (CudaException e) {
            out.add(new Line("driver", driver.name() + " does not answer: " + e.getMessage()));
        }
    }

    private void compiler(List<Line> out) {
        Compiler compiler = compilers.compiler();
        if (compiler == null) {
            out.add(new Line("nvrtc", compilers.problem()));
        } else if (compiler instanceof Nvcc) {
            out.add(new Line("nvcc", compiler.name() + ", " + compiler.path()));
            out.add(new Line("nvrtc", "not found, nvcc compiles kernels, which takes longer: " + Compilers.ADVICE));
        } else {
            out.add(new Line("nvrtc", compiler.name() + ", " + compiler.path()));
        }
    }

    private void cubins(List<Line> out, String arch) {
        CudaBackend.Readiness all = CudaBackend.readiness(cubins, variants, arch);
        out.add(new Line(
                "cubins",
                String.format(
                        "%d of %d variants are compiled for %s; %d came with the program, %d are in %s%s%s",
                        all.shipped() + all.cached(),
                        all.variants(),
                        arch,
                        all.shipped(),
                        all.cached(),
                        all.cache(),
                        all.compiled() == 0
                                ? ""
                                : ", " + all.compiled() + " will be at first use (kernels --build " + arch
                                        + " makes all ahead)",
                        all.missing() == 0 ? "" : ", " + all.missing() + " cannot be, see nvrtc")));
        Map<String, Map<Cubins.Source, Integer>> files = new TreeMap<>();
        variants.stream().filter(v -> KernelCatalogue.isAskedFor(v, arch)).forEach(v -> files.computeIfAbsent(
                        v.file(), f -> new EnumMap<>(Cubins.Source.class))
                .merge(cubins.source(v, arch), 1, Integer::sum));
        int width = files.keySet().stream().mapToInt(String::length).max().orElse(1);
        files.forEach(
                (file, counts) -> out.add(new Line("", String.format("%-" + width + "s  %s", file, text(counts)))));
    }

    private static String text(Map<Cubins.Source, Integer> counts) {
        List<String> parts = new ArrayList<>();
        counts.forEach((source, n) -> parts.add(n + " "
                + switch (source) {
                    case SHIPPED -> "came with the program";
                    case CACHED -> "in the cache";
                    case COMPILER -> "at first use";
                    case NONE -> "missing";
                }));
        return String.join(", ", parts);
    }

    /** The toolkit's libraries, which nothing needs. */
    static List<Line> libraries(CublasLt.Look products, Cudnn.Found attention) {
        String cublas = products.file() != null
                ? products.file() + ", for large products in 16 bits"
                : "not used: " + products.reason() + ", our own kernels compute all products"
                        + (products.isOff()
                                ? ""
                                : "; libcublasLt.so.13 or .12 comes with NVIDIA's toolkit, and -D" + CublasLt.PROPERTY
                                        + "=DIR names its folder");
        boolean get = attention.library() == null && !"none".equals(System.getProperty(Cudnn.PROPERTY));
        String cudnn = CudaBackend.cudnn(attention)
                + (get
                        ? "; nothing needs it, cuDNN 9 is among NVIDIA's packages, and -D" + Cudnn.PROPERTY
                                + "=DIR names its folder"
                        : "");
        return List.of(new Line("cublaslt", cublas), new Line("cudnn", cudnn));
    }
}
