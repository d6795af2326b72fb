package io.aegis.kernels.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.lang.System.Logger.Level;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.function.Function;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.bytedeco.javacpp.Loader;

/**
 * NVRTC out of JavaCPP's {@code cuda-redist} jar, where that is on the module path or class path. Only the compiler and its
 * built-in functions are unpacked, once; the jar holds three times as much that nothing here needs.
 */
final class RedistJar {
    private static final System.Logger LOG = System.getLogger(RedistJar.class.getName());

    private RedistJar() {}

    /** The folder with the library; null when there is no such jar, or its files cannot be unpacked. */
    static Path unpack() {
        return unpack(ClassLoader::getSystemResource, UserCache.folder());
    }

    /**
     * As above.
     *
     * @param resources finds a file by its name inside of jars, or null
     * @param cache the folder that a jar's folder is made in
     */
    static Path unpack(Function<String, URL> resources, Path cache) {
        String inside = "org/bytedeco/cuda/" + Loader.getPlatform() + "/";
        for (String name : List.of("libnvrtc.so.13", "libnvrtc.so.12", "nvrtc64_130_0.dll", "nvrtc64_120_0.dll")) {
            URL url = resources.apply(inside + name);
            if (url == null) {
                continue;
            }
            try {
                if (url.openConnection() instanceof JarURLConnection jar) {
                    jar.setUseCaches(false);
                    try (JarFile file = jar.getJarFile()) {
                        return unpack(file, inside, cache);
                    }
                }
            } catch (IOException e) {
                LOG.log(Level.WARNING, "NVRTC cannot be unpacked from " + url + ": " + e.getMessage());
            }
        }
        return null;
    }

    private static Path unpack(JarFile jar, String inside, Path cache) throws IOException {
        String name = Path.of(jar.getName()).getFileName().toString().replaceAll("\\.jar$", "");
        Path folder = Files.createDirectories(cache.resolve(name));
        List<JarEntry> entries = jar.stream()
                .filter(e -> e.getName().matches(inside + "(lib)?nvrtc.*\\.(so|dll).*"))
                .toList();
        for (JarEntry entry : entries) {
            Path to = folder.resolve(Path.of(entry.getName()).getFileName().toString());
            if (Files.exists(to) && Files.size(to) == entry.getSize()) {
                continue;
            }
            // Beside it and renamed, for whoever unpacks or loads it at this moment.
            Path beside = Files.createTempFile(folder, "unpacking", ".tmp");
            try (InputStream in = jar.getInputStream(entry)) {
                Files.copy(in, beside, StandardCopyOption.REPLACE_EXISTING);
                Files.move(beside, to, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(beside);
            }
        }
        return folder;
    }
}
