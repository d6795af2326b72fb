package io.aegis.bench.peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * llama.cpp by its own llama-bench, a process a run; it warms up by itself.
 *
 * @param program llama-bench
 * @param model a GGUF file
 * @param what its options for the work: {@code -p 512 -n 0}, or {@code -p 0 -n 32}
 * @param tokens that its tokens per second are turned into milliseconds of
 */
record LlamaBench(Path program, Path model, List<String> what, int threads, int tokens) implements Contender {
    @Override
    public String name() {
        return "llama.cpp "
                + model.getFileName().toString().replaceAll(".*-|\\.gguf", "").toUpperCase(java.util.Locale.ROOT);
    }

    @Override
    public double run() {
        List<String> command = new ArrayList<>(List.of(program.toString(), "-m", model.toString()));
        command.addAll(what);
        command.addAll(List.of("-r", "1", "-t", "" + threads, "-o", "json"));
        try {
            Process p = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            JsonNode all = new ObjectMapper().readTree(p.getInputStream().readAllBytes());
            if (p.onExit().join().exitValue() != 0 || all.path(0).path("avg_ts").asDouble() <= 0) {
                throw new IllegalStateException("llama-bench failed on " + model);
            }
            return 1e3 * tokens / all.path(0).path("avg_ts").asDouble();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {}
}
