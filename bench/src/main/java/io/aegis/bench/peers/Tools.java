package io.aegis.bench.peers;

import io.aegis.bench.peers.Work.Other;
import io.aegis.cli.bench.Ceilings;
import io.aegis.cli.workload.Compute;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Kernels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Where peers are found.
 *
 * @param scripts bench/peers
 * @param python with torch and transformers (and gguf, onnx, onnxscript, to make files)
 * @param llama llama-bench
 * @param files folder of GGUF and ONNX files, which are made there when they are missing
 */
record Tools(Path scripts, Path python, Path llama, Path files) {
    /** By the properties {@code peers.python}, {@code peers.llama}, {@code peers.files}, and the PATH. */
    static Tools find(Path scripts) {
        return new Tools(
                scripts,
                program("peers.python", "python3"),
                program("peers.llama", "llama-bench"),
                Path.of(property("peers.files", System.getProperty("java.io.tmpdir") + "/aegis-peers")));
    }

    private static String property(String name, String otherwise) {
        String value = System.getProperty(name, "");
        return value.isEmpty() ? otherwise : value;
    }

    private static Path program(String property, String name) {
        String given = property(property, "");
        if (!given.isEmpty()) {
            return Path.of(given);
        }
        return Stream.of(System.getenv().getOrDefault("PATH", "").split(java.io.File.pathSeparator))
                .map(d -> Path.of(d, name))
                .filter(Files::isExecutable)
                .findFirst()
                .orElse(null);
    }

    /** A peer that the table names, and nothing can bring. */
    static Other absent(String name, String why) {
        return new Other(name, () -> {
            throw new AbsentException(why);
        });
    }

    /** PyTorch, by a worker. */
    Other torch(String work, String type) {
        return new Other("PyTorch " + type, () -> {
            String missing = "needs python with torch and transformers (-Dpeers.python=...)";
            List<String> command = List.of(
                    required(python, missing).toString(),
                    scripts.resolve("cpu_worker.py").toString(),
                    work,
                    type,
                    "--threads",
                    "" + Ceilings.threads());
            return new WorkerProcess(command, " " + type);
        });
    }

    /** llama.cpp, by its own program. */
    Other llama(String shape, String type, List<String> options, int tokens) {
        return new Other("llama.cpp " + type, () -> {
            required(llama, "build llama.cpp's llama-bench (-Dpeers.llama=...)");
            Path file = files.resolve(shape + "-" + type + ".gguf");
            make(file, "gguf_random.py", shape, type, file.toString());
            return new LlamaBench(llama, file, options, Ceilings.threads(), tokens);
        });
    }

    /** ONNX Runtime, where the profile brought it. */
    Other onnx(String shape) {
        return new Other("ONNX Runtime f32", () -> {
            Path file = files.resolve(shape + ".onnx");
            return ProfilePeer.ONNX.open(
                    file, Ceilings.threads(), () -> make(file, "vision_onnx.py", shape, files.toString()));
        });
    }

    /** PyTorch through DJL, where the profile brought it. */
    Other djl(String shape, Compute type) {
        return new Other("DJL " + type, () -> {
            Kernels best = Backends.best();
            if (type.of(best).isEmpty()) { // its library would compute all the same, for minutes
                throw new AbsentException(Compute.absence(best));
            }
            Path file = files.resolve(shape + "-" + type + ".pt");
            return ProfilePeer.DJL.open(file, Ceilings.threads(), () -> {
                make(file, "vision_torchscript.py", shape, type.toString(), files.toString());
            });
        });
    }

    private void make(Path file, String script, String... arguments) {
        if (Files.exists(file)) {
            return;
        }
        String missing = file + " is missing, and " + script + " did not make it: it needs a python with its packages";
        List<String> command = new ArrayList<>(List.of(
                required(python, missing).toString(), scripts.resolve(script).toString()));
        command.addAll(List.of(arguments));
        try {
            Files.createDirectories(files);
            Process p = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            if (p.onExit().join().exitValue() != 0 || !Files.exists(file)) {
                throw new AbsentException(missing);
            }
        } catch (IOException e) {
            throw new AbsentException(missing + " (" + e.getMessage() + ")");
        }
    }

    private static Path required(Path program, String missing) {
        if (program == null || !Files.exists(program)) {
            throw new AbsentException(missing);
        }
        return program;
    }
}
