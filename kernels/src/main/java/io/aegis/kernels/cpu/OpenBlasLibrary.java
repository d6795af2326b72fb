package io.aegis.kernels.cpu;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;

/**
 * Finds and loads OpenBLAS. JavaCPP unpacks it once into its cache, {@code ~/.javacpp/cache} or what {@code
 * org.bytedeco.javacpp.cachedir} names. What lies there whole is opened straight away at later starts: to go through
 * JavaCPP again takes longer than to score a small picture.
 */
final class OpenBlasLibrary {
    /** What OpenBLAS needs, each before those that need it: only the library itself looks for others in its folder. */
    private static final List<String> NEEDED = List.of("libgcc_s.so.1", "libquadmath.so.0", "libgfortran.so.5");

    private OpenBlasLibrary() {}

    /**
     * Loads the library for as long as the process lives.
     *
     * @throws LinkageError when there is no library for this platform, or it cannot be unpacked or loaded
     */
    static SymbolLookup load() {
        try {
            Path kept = kept(OpenBlasLibrary.class.getClassLoader());
            if (kept != null) {
                for (String name : NEEDED) {
                    Path beside = kept.resolveSibling(name);
                    if (Files.isRegularFile(beside)) {
                        SymbolLookup.libraryLookup(beside, Arena.global());
                    }
                }
                return SymbolLookup.libraryLookup(kept, Arena.global());
            }
        } catch (IOException | IllegalArgumentException _) {
            // As if nothing had been kept: JavaCPP makes it anew, or says why it cannot.
        }
        return loadUnpacked();
    }

    /** What a former start unpacked, of the size that the jar says; null where there is none, or not under Linux. */
    static Path kept(ClassLoader classes) throws IOException {
        String cpu = System.getProperty("os.arch");
        if (!"Linux".equals(System.getProperty("os.name"))) {
            return null;
        }
        String folder = "org/bytedeco/openblas/linux-"
                + (cpu.equals("amd64") ? "x86_64" : cpu.equals("aarch64") ? "arm64" : cpu) + "/";
        URL packed = classes.getResource(folder + "libopenblas.so.0");
        if (packed == null || !(packed.openConnection() instanceof JarURLConnection jar)) {
            return null;
        }
        String name = jar.getJarFileURL().getPath();
        Path file = cache().resolve(name.substring(name.lastIndexOf('/') + 1))
                .resolve(folder)
                .resolve("libopenblas_nolapack.so.0");
        return Files.isRegularFile(file) && Files.size(file) == jar.getContentLengthLong() ? file : null;
    }

    private static Path cache() {
        String named = System.getProperty(
                "org.bytedeco.javacpp.cachedir", System.getProperty("org.bytedeco.javacpp.cacheDir"));
        return named != null ? Path.of(named) : Path.of(System.getProperty("user.home"), ".javacpp", "cache");
    }

    private static SymbolLookup loadUnpacked() {
        String folder = Loader.load(org.bytedeco.openblas.global.openblas_nolapack.class);
        if (folder == null) {
            throw new UnsatisfiedLinkError("JavaCPP has no OpenBLAS for " + Loader.getPlatform());
        }
        try (Stream<Path> files = Files.list(Path.of(folder).getParent())) {
            Path library = files.filter(f -> f.getFileName()
                            .toString()
                            .matches("(lib)?openblas(_nolapack)?(\\.so\\.0|\\.0\\.dylib|\\.dll)"))
                    .findFirst()
                    .orElseThrow(() -> new UnsatisfiedLinkError("no OpenBLAS library beside " + folder));
            return SymbolLookup.libraryLookup(library, Arena.global());
        } catch (IOException e) {
            throw new LinkageError("cannot list the folder of " + folder, e);
        }
    }
}
