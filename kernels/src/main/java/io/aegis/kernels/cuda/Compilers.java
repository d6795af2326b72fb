package io.aegis.kernels.cuda;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Finds a compiler: NVRTC where the property {@code aegis.nvrtc} says, in an installed toolkit, where the system's loader
 * looks, or in JavaCPP's {@code cuda-redist} jar; else nvcc.
 */
final class Compilers {
    /** A file, or a folder with the library in it; {@code none} for no NVRTC. */
    static final String NVRTC = "aegis.nvrtc";

    /** A file; {@code none} for no nvcc. */
    static final String NVCC = "aegis.nvcc";

    private static final String NONE = "none";

    /** What a machine without any can do. */
    static final String ADVICE =
            "put JavaCPP's cuda-redist jar for this platform into the folder lib beside ./aegis, or"
                    + " install NVIDIA's toolkit, or give the folder of libnvrtc by -D" + NVRTC + "=DIR";

    private Compilers() {}

    /**
     * What was found.
     *
     * @param compiler null when there is none
     * @param problem why not, one sentence; null when there is one
     */
    record Probe(Compiler compiler, String problem) {}

    private static final class Machine {
        static final Probe PROBE = find();
    }

    /** This machine's compiler, looked for once. Never throws. */
    static Probe probe() {
        return Machine.PROBE;
    }

    private static Probe find() {
        List<String> problems = new ArrayList<>();
        Compiler nvrtc = first(problems, nvrtcFiles(), Nvrtc::new);
        if (nvrtc == null && System.getProperty(NVRTC) == null) {
            nvrtc = first(problems, unpackedFiles(), Nvrtc::new);
        }
        if (nvrtc != null) {
            return new Probe(nvrtc, null);
        }
        Compiler nvcc = first(problems, nvccFiles(), Nvcc::new);
        return nvcc != null ? new Probe(nvcc, null) : none(problems, "neither NVRTC nor nvcc is here");
    }

    /** nvcc, even where there is NVRTC. */
    static Probe nvcc() {
        List<String> problems = new ArrayList<>();
        Compiler nvcc = first(problems, nvccFiles(), Nvcc::new);
        return nvcc != null ? new Probe(nvcc, null) : none(problems, "no nvcc is here");
    }

    private static Probe none(List<String> problems, String otherwise) {
        String what = problems.isEmpty() ? otherwise : String.join("; ", problems);
        return new Probe(null, "no compiler for kernels (" + what + "): " + ADVICE);
    }

    @FunctionalInterface
    private interface Opener {
        Compiler open(String name);
    }

    private static Compiler first(List<String> problems, Iterable<String> names, Opener opener) {
        for (String name : names) {
            try {
                return opener.open(name);
            } catch (CudaException e) {
                // A bare name that the loader does not know says nothing about this machine.
                if (name.contains(File.separator)) {
                    problems.add(e.getMessage());
                }
            }
        }
        return null;
    }

    private static Set<String> nvrtcFiles() {
        Set<String> found = new LinkedHashSet<>();
        String given = System.getProperty(NVRTC);
        if (NONE.equals(given)) {
            return found;
        }
        if (given != null) {
            Path p = Path.of(given).toAbsolutePath();
            if (Files.isDirectory(p)) {
                addLibraries(found, p);
            } else {
                found.add(p.toString());
            }
            return found;
        }
        for (Path root : toolkits()) {
            for (String folder :
                    List.of("lib64", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib", "bin/x64", "bin")) {
                addLibraries(found, root.resolve(folder));
            }
        }
        addLibraries(found, Path.of("/usr/lib/x86_64-linux-gnu"));
        addLibraries(found, Path.of("/usr/lib/aarch64-linux-gnu"));
        found.addAll(
                isWindows()
                        ? List.of("nvrtc64_130_0.dll", "nvrtc64_120_0.dll")
                        : List.of("libnvrtc.so.13", "libnvrtc.so.12"));
        return found;
    }

    private static Set<String> unpackedFiles() {
        Set<String> found = new LinkedHashSet<>();
        Path unpacked = RedistJar.unpack();
        if (unpacked != null) {
            addLibraries(found, unpacked);
        }
        return found;
    }

    private static Set<String> nvccFiles() {
        Set<String> found = new LinkedHashSet<>();
        String given = System.getProperty(NVCC);
        if (NONE.equals(given)) {
            return found;
        }
        if (given != null) {
            found.add(given);
            return found;
        }
        String name = isWindows() ? "nvcc.exe" : "nvcc";
        List<Path> folders = new ArrayList<>();
        toolkits().forEach(root -> folders.add(root.resolve("bin")));
        for (String folder : System.getenv().getOrDefault("PATH", "").split(File.pathSeparator)) {
            if (!folder.isBlank()) {
                folders.add(Path.of(folder));
            }
        }
        for (Path folder : folders) {
            Path file = folder.resolve(name);
            if (Files.isExecutable(file)) {
                found.add(file.toString());
            }
        }
        return found;
    }

    private static boolean isWindows() {
        return System.getProperty("os.name", "").startsWith("Windows");
    }

    /** Folders of installed toolkits, the chosen one first, else the newest. */
    static List<Path> toolkits() {
        List<Path> roots = new ArrayList<>();
        for (String variable : List.of("CUDA_HOME", "CUDA_PATH")) {
            String root = System.getenv(variable);
            if (root != null && !root.isBlank()) {
                roots.add(Path.of(root));
            }
        }
        roots.addAll(matching(Path.of("/usr/local"), "cuda.*"));
        return roots;
    }

    private static void addLibraries(Set<String> found, Path folder) {
        matching(folder, "libnvrtc\\.so\\.\\d+|nvrtc64_\\d+_0\\.dll").forEach(f -> found.add(f.toString()));
    }

    /** The entries of a folder with such names, the last name first; nothing when there is no folder. */
    private static List<Path> matching(Path folder, String pattern) {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(f -> f.getFileName().toString().matches(pattern))
                    .sorted((a, b) ->
                            b.getFileName().toString().compareTo(a.getFileName().toString()))
                    .toList();
        } catch (IOException e) {
            return List.of();
        }
    }
}
