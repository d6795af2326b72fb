package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The compiler out of a jar that is laid out as cuda-redist's. */
class RedistJarTest {
    private static final String INSIDE = "org/bytedeco/cuda/" + Loader.getPlatform() + "/";

    @TempDir
    Path folder;

    private Path jar(Map<String, String> files) throws IOException {
        Path jar = folder.resolve("cuda-redist-13.0-9.14-1.5.13-" + Loader.getPlatform() + ".jar");
        try (OutputStream out = Files.newOutputStream(jar);
                JarOutputStream zip = new JarOutputStream(out)) {
            for (Map.Entry<String, String> f : files.entrySet()) {
                zip.putNextEntry(new JarEntry(f.getKey()));
                zip.write(f.getValue().getBytes(StandardCharsets.UTF_8));
                zip.closeEntry();
            }
        }
        return jar;
    }

    private Path unpack(Path jar) throws IOException {
        try (URLClassLoader loader = new URLClassLoader(new URL[] {jar.toUri().toURL()}, null)) {
            return RedistJar.unpack(loader::getResource, folder.resolve("cache"));
        }
    }

    private static Map<String, String> contents(Path of) throws IOException {
        Map<String, String> all = new TreeMap<>();
        try (Stream<Path> files = Files.list(of)) {
            for (Path f : files.toList()) {
                all.put(f.getFileName().toString(), Files.readString(f));
            }
        }
        return all;
    }

    @Test
    void onlyTheCompilerIsUnpacked() throws IOException {
        Path to = unpack(jar(Map.of(
                INSIDE + "libnvrtc.so.13",
                "compiler",
                INSIDE + "libnvrtc-builtins.so.13.0",
                "built in",
                INSIDE + "libcublasLt.so.13",
                "large",
                INSIDE + "include/nvrtc.h",
                "header",
                "org/bytedeco/cuda/elsewhere/libnvrtc.so.13",
                "another platform's")));
        assertThat(to).isEqualTo(folder.resolve("cache/cuda-redist-13.0-9.14-1.5.13-" + Loader.getPlatform()));
        assertThat(contents(to))
                .isEqualTo(Map.of("libnvrtc.so.13", "compiler", "libnvrtc-builtins.so.13.0", "built in"));
    }

    /** What was cut short, by a full disk perhaps, is written anew; what is whole stays, for others may have it open. */
    @Test
    void halfAFileIsReplaced() throws IOException {
        Path jar = jar(Map.of(INSIDE + "libnvrtc.so.12", "compiler", INSIDE + "libnvrtc-builtins.so.12.9", "built in"));
        Path to = unpack(jar);
        Files.writeString(to.resolve("libnvrtc.so.12"), "comp");
        Files.writeString(to.resolve("libnvrtc-builtins.so.12.9"), "BUILT IN");
        assertThat(unpack(jar)).isEqualTo(to);
        assertThat(contents(to))
                .isEqualTo(Map.of("libnvrtc.so.12", "compiler", "libnvrtc-builtins.so.12.9", "BUILT IN"));
    }

    @Test
    void withoutSuchAJarThereIsNone() throws IOException {
        assertThat(unpack(jar(Map.of(INSIDE + "libcublasLt.so.13", "large")))).isNull();
        assertThat(folder.resolve("cache")).doesNotExist();
        // A file in a folder of classes is no jar.
        Path loose = Files.createDirectories(folder.resolve(INSIDE)).resolve("libnvrtc.so.13");
        Files.writeString(loose, "compiler");
        URL url = loose.toUri().toURL();
        assertThat(RedistJar.unpack(name -> name.endsWith(".so.13") ? url : null, folder.resolve("cache")))
                .isNull();
    }

    /** Where nothing can be written, that is said and the search goes on. */
    @Test
    void aCacheThatCannotBeWritten() throws IOException {
        Path jar = jar(Map.of(INSIDE + "libnvrtc.so.13", "compiler"));
        Files.writeString(folder.resolve("cache"), "a file where a folder should be");
        assertThat(unpack(jar)).isNull();
    }
}
