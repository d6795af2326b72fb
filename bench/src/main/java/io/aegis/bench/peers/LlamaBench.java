package io.aegis.bench.peers;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
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

    /** @throws AbsentException when it fails: with the last line that it said */
    @Override
    public double run() {
        List<String> command = new ArrayList<>(List.of(program.toString(), "-m", model.toString()));
        command.addAll(what);
        command.addAll(List.of("-r", "1", "-t", "" + threads, "-o", "json"));
        try {
            Path log = Files.createTempFile("llama-bench", ".log");
            try {
                Process p =
                        new ProcessBuilder(command).redirectError(log.toFile()).start();
                String said = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                int status = p.onExit().join().exitValue();
                double rate = status == 0 ? rate(said) : 0;
                if (rate <= 0) {
                    LastWords words = new LastWords();
                    Files.readAllLines(log).forEach(words::hear);
                    throw words.absent(status);
                }
                return 1e3 * tokens / rate;
            } finally {
                Files.delete(log);
            }
        } catch (IOException e) {
            throw new AbsentException("it cannot be run: " + e.getMessage());
        }
    }

    /** Tokens per second. */
    private static double rate(String said) throws IOException {
        return new ObjectMapper().readTree(said).path(0).path("avg_ts").asDouble();
    }

    @Override
    public void close() {}
}
