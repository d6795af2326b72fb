package io.aegis.kernels.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * All that decides the machine code of a variant, but for the compiler.
 *
 * @param variant what is compiled
 * @param arch the architecture, such as {@code sm_90a}
 * @param source the text of its file
 * @param headers the texts of the files that it includes, by name
 * @param options what every compiler is told, sorted; the architecture is told beside them
 */
record CompileJob(
        Variant variant, String arch, String source, SortedMap<String, String> headers, List<String> options) {
    private static final Pattern INCLUDE = Pattern.compile("^\\s*#\\s*include\\s+\"([^\"]+)\"", Pattern.MULTILINE);
    private static final Pattern ARCH = Pattern.compile("sm_[0-9]{2,3}[af]?");

    /** What belongs to the host's side of headers is not there for a GPU's compiler. */
    private static final Pattern EMULATOR = Pattern.compile("emulator\\w*\\.h");

    /**
     * Reads the sources.
     *
     * @throws CudaException for a file that is not there, or an architecture of no such form
     */
    static CompileJob of(Variant variant, String arch) {
        if (!ARCH.matcher(arch).matches()) {
            throw new CudaException("an architecture like sm_80 or sm_90a was expected, not " + arch);
        }
        String source = resource(variant.file());
        SortedMap<String, String> headers = headers(source, CompileJob::resource);
        List<String> options = new ArrayList<>();
        options.add("-std=c++17");
        variant.defines().forEach((name, value) -> options.add("-D" + name + "=" + value));
        options.sort(null);
        return new CompileJob(variant, arch, source, headers, List.copyOf(options));
    }

    /**
     * What a text includes, and what that includes.
     *
     * @param read the text of a file, by its name
     */
    static SortedMap<String, String> headers(String source, UnaryOperator<String> read) {
        SortedMap<String, String> headers = new TreeMap<>();
        include(source, read, headers);
        return headers;
    }

    private static void include(String text, UnaryOperator<String> read, Map<String, String> headers) {
        Matcher m = INCLUDE.matcher(text);
        while (m.find()) {
            String name = m.group(1);
            if (!EMULATOR.matcher(name).matches() && !headers.containsKey(name)) {
                String header = read.apply(name);
                headers.put(name, header);
                include(header, read, headers);
            }
        }
    }

    static String resource(String name) {
        try (InputStream in = CompileJob.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new CudaException("there is no kernel file " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new CudaException("the kernel file " + name + " cannot be read: " + e.getMessage(), e);
        }
    }

    /** A digest of everything here: whatever changes the machine code changes it. */
    String key() {
        return key("");
    }

    /** As {@link #key()}, of a compiler's own work. */
    String key(String compiler) {
        List<String> parts = new ArrayList<>(List.of(variant.file(), arch, source, compiler));
        headers.forEach((name, text) -> parts.addAll(List.of(name, text)));
        parts.addAll(options);
        return digest(parts);
    }

    /** Of these texts in this order, 64 hexadecimal digits. */
    static String digest(List<String> parts) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (String part : parts) {
                byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
                // With its length, so that no two lists of parts read alike.
                digest.update((bytes.length + ":").getBytes(StandardCharsets.UTF_8));
                digest.update(bytes);
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public String toString() {
        return variant + " for " + arch;
    }
}
