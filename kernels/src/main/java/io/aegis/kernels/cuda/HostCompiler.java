package io.aegis.kernels.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * g++ for the emulator: from resources to shared libraries in a folder of the user's, found again by the hash of all that
 * went in. {@code -Daegis.emulator.compiler} names another g++, {@code -Daegis.emulator.cache} another folder.
 */
final class HostCompiler {
    private static final List<String> FLAGS = List.of("-std=c++17", "-fPIC", "-ffp-contract=off", "-g1", "-w");

    private static final Pattern INCLUDE = Pattern.compile("^\\s*#\\s*include\\s+\"([^\"]+)\"", Pattern.MULTILINE);
    private static final Pattern PLACE = Pattern.compile("\\[\\+(0x[0-9a-f]+)]");

    private final String command;
    private final String version;
    private final Path cache = folder();

    /**
     * @throws CudaException when there is no compiler, or it is for a system that the emulator was not written for
     */
    HostCompiler() {
        this(System.getProperty("aegis.emulator.compiler", "g++"));
    }

    HostCompiler(String command) {
        this.command = command;
        if (!System.getProperty("os.name").equals("Linux")) {
            throw new CudaException("the emulator runs on Linux, not on " + System.getProperty("os.name"));
        }
        try {
            version = run(List.of(command, "--version"), null);
        } catch (IOException | CudaException e) {
            throw new CudaException(
                    "the emulator compiles kernels with " + command + ", which does not run here: " + e.getMessage(),
                    e);
        }
    }

    /**
     * A shared library of one source.
     *
     * @param source name of a resource beside this class; what it includes is found there too
     * @param flags for the compiler, besides those that all have
     * @param libraries what it is linked to
     * @throws CudaException with the compiler's words
     */
    Path library(String source, List<String> flags, List<Path> libraries) {
        Map<String, byte[]> contents = new TreeMap<>();
        include(source, contents);
        Path library = cache.resolve(hash(contents, flags, libraries) + ".so");
        if (Files.exists(library)) {
            return library;
        }
        try {
            Files.createDirectories(cache);
            Path work = Files.createTempDirectory(cache, "compiling");
            try {
                for (Map.Entry<String, byte[]> e : contents.entrySet()) {
                    Files.write(work.resolve(e.getKey()), e.getValue());
                }
                List<String> compile = new ArrayList<>(List.of(command, "-c", "-o", "object"));
                compile.addAll(FLAGS);
                compile.addAll(flags);
                compile.addAll(List.of("-x", "c++", source));
                run(compile, work);
                List<String> link = new ArrayList<>(List.of(command, "-shared", "-o", "library", "object"));
                libraries.forEach(l -> link.add(l.toString()));
                link.add("-lrt"); // timers, in C libraries that keep them apart
                run(link, work);
                Files.move(work.resolve("library"), library, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                delete(work);
            }
        } catch (IOException e) {
            throw new CudaException("cannot compile " + source + " in " + cache + ": " + e.getMessage(), e);
        }
        return library;
    }

    private static void include(String name, Map<String, byte[]> contents) {
        if (contents.containsKey(name)) {
            return;
        }
        byte[] text = resource(name);
        contents.put(name, text);
        INCLUDE.matcher(new String(text, StandardCharsets.UTF_8)).results().forEach(m -> include(m.group(1), contents));
    }

    /**
     * Replaces each {@code [+0x...]}, an offset in a library, by the lines of the source that it comes from: the innermost
     * first, then where that was inlined. Without addr2line the offsets stay.
     */
    String withLines(String message, Path library) {
        return PLACE.matcher(message).replaceAll(m -> Matcher.quoteReplacement(lines(library, m.group(1), m.group())));
    }

    private static String lines(Path library, String offset, String otherwise) {
        try {
            String found = run(List.of("addr2line", "-s", "-i", "-e", library.toString(), offset), null);
            return found.contains("?")
                    ? otherwise
                    : found.lines()
                            .map(l -> l.replaceAll(" \\(discriminator.*", ""))
                            .filter(l -> !l.matches("(emulator(_hopper|_integers|_watched)?\\.h|watched\\.cuh):.*"))
                            .distinct()
                            .collect(Collectors.joining(" in ", "(", ")"));
        } catch (IOException | CudaException e) {
            return otherwise;
        }
    }

    private String hash(Map<String, byte[]> contents, List<String> flags, List<Path> libraries) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            contents.forEach((name, bytes) -> {
                digest.update((name + "\0" + bytes.length + "\0").getBytes(StandardCharsets.UTF_8));
                digest.update(bytes);
            });
            for (Object part : List.of(command, version, System.getProperty("os.arch"), FLAGS, flags, libraries)) {
                digest.update((part + "\0").getBytes(StandardCharsets.UTF_8));
            }
            return HexFormat.of().formatHex(digest.digest(), 0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every JDK has it
        }
    }

    private static String run(List<String> command, Path folder) throws IOException {
        Process process = new ProcessBuilder(command)
                .directory(folder == null ? null : folder.toFile())
                .redirectErrorStream(true)
                .start();
        process.getOutputStream().close();
        String words = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (process.waitFor() != 0) {
                throw new CudaException(String.join(" ", command) + " failed:\n" + words);
            }
        } catch (InterruptedException e) {
            process.destroy();
            Thread.currentThread().interrupt();
            throw new CudaException("interrupted while running " + String.join(" ", command), e);
        }
        return words;
    }

    private static byte[] resource(String name) {
        try (InputStream in = HostCompiler.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new CudaException("there is no " + name + " among the kernels");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path folder() {
        String given = System.getProperty("aegis.emulator.cache");
        if (given != null) {
            return Path.of(given).toAbsolutePath();
        }
        String caches = System.getenv("XDG_CACHE_HOME");
        Path base = caches == null || caches.isEmpty()
                ? Path.of(System.getProperty("user.home"), ".cache")
                : Path.of(caches);
        Path folder = base.resolve("aegis").resolve("emulator").toAbsolutePath();
        try {
            Files.createDirectories(folder);
            return folder;
        } catch (IOException e) { // a home that cannot be written to
            return Path.of(System.getProperty("java.io.tmpdir"), "aegis-emulator-" + System.getProperty("user.name"))
                    .toAbsolutePath();
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path p : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(p);
            }
        }
    }
}
