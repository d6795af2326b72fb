package io.aegis.kernels.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The toolkit's compiler, a program of its own that needs the host's compiler as well: for machines without NVRTC. */
final class Nvcc implements Compiler {
    private static final Pattern VERSION = Pattern.compile("release [0-9.]+, V([0-9.]+)");
    private static final int MINUTES = 5;

    private final String path;
    private final String version;

    /**
     * Asks for its version.
     *
     * @throws CudaException when it does not answer
     */
    Nvcc(String path) {
        this.path = path;
        Matcher m = VERSION.matcher(run(null, List.of(path, "--version")).output());
        if (!m.find()) {
            throw new CudaException(path + " does not say its version");
        }
        version = m.group(1);
    }

    @Override
    public String name() {
        return "nvcc " + version;
    }

    @Override
    public String path() {
        return path;
    }

    @Override
    public Cubin compile(CompileJob job) {
        Path folder = null;
        try {
            folder = Files.createTempDirectory("aegis-nvcc");
            Files.writeString(folder.resolve(job.variant().file()), job.source());
            for (var header : job.headers().entrySet()) {
                Files.writeString(folder.resolve(header.getKey()), header.getValue());
            }
            List<String> command = new ArrayList<>(List.of(path));
            command.addAll(job.options());
            command.addAll(List.of("-arch=" + job.arch(), "-cubin", "-Xptxas", "-v", "-o", "out.cubin", "-x", "cu"));
            command.add(job.variant().file());
            Result r = run(folder, command);
            if (r.status() != 0) {
                throw new CudaException(name() + " does not compile " + job + " (status " + r.status() + "):\n"
                        + r.output().strip());
            }
            return new Cubin(name(), r.output(), Files.readAllBytes(folder.resolve("out.cubin")));
        } catch (IOException e) {
            throw new CudaException(name() + " does not compile " + job + ": " + e.getMessage(), e);
        } finally {
            delete(folder);
        }
    }

    private record Result(int status, String output) {}

    private static Result run(Path folder, List<String> command) {
        try {
            Path said = Files.createTempFile("aegis-nvcc", ".log");
            try {
                Process p = new ProcessBuilder(command)
                        .directory(folder == null ? null : folder.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(said.toFile())
                        .start();
                if (!p.waitFor(MINUTES, TimeUnit.MINUTES)) {
                    p.destroyForcibly();
                    throw new CudaException(command.getFirst() + " was not done within " + MINUTES + " minutes");
                }
                return new Result(p.exitValue(), Files.readString(said));
            } finally {
                Files.deleteIfExists(said);
            }
        } catch (IOException e) {
            throw new CudaException(command.getFirst() + " does not start: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CudaException("interrupted while " + command.getFirst() + " ran", e);
        }
    }

    private static void delete(Path folder) {
        if (folder == null) {
            return;
        }
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path p : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(p);
            }
        } catch (IOException e) {
            // Files of the system's temporary folder are its own to clear.
            return;
        }
    }
}
