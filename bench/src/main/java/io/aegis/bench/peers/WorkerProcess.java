package io.aegis.bench.peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** A process that holds a model, and uses it once for each line that it is sent: bench/peers/cpu_worker.py. */
final class WorkerProcess implements Contender {
    private static final byte[] AGAIN = {'\n'};

    private final Process process;
    private final BufferedReader said;
    private final String name;

    /** @throws AbsentException when it ends before it is ready: with the last line that it said */
    WorkerProcess(List<String> command, String suffix) {
        try {
            process = new ProcessBuilder(command).redirectErrorStream(true).start();
            said = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
            JsonNode first = answer();
            if (first.has("absent")) {
                throw new AbsentException(first.path("absent").asText());
            }
            name = first.path("ready").asText() + suffix;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private JsonNode answer() throws IOException {
        String last = "nothing";
        for (String line = said.readLine(); line != null; line = said.readLine()) {
            if (line.startsWith("{\"")) {
                return new ObjectMapper().readTree(line);
            }
            last = line.isBlank() ? last : line.strip();
        }
        throw new AbsentException("its process ended and said: " + last);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public double run() {
        try {
            process.getOutputStream().write(AGAIN);
            process.getOutputStream().flush();
            return answer().path("ms").asDouble();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        process.destroy();
        process.onExit().join();
    }
}
