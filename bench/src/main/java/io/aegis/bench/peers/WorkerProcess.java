package io.aegis.bench.peers;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A process that holds a model, and uses it once for each line that it is sent: bench/peers/cpu_worker.py, or a
 * {@link ContenderWorker}. It says {@code {"ready": name}} or {@code {"absent": why}}, then {@code {"ms": time}} for each
 * line; what does not begin like an object is talk.
 */
final class WorkerProcess implements Contender {
    private static final byte[] AGAIN = {'\n'};
    private static final int PATIENCE_SECONDS = 10;

    private final Process process;
    private final BufferedReader said;
    private final LastWords words = new LastWords();
    private final String name;

    /** @throws AbsentException when it cannot be started, says that it is, or ends before it is ready: with the last line that it said */
    WorkerProcess(List<String> command, String suffix) {
        try {
            process = new ProcessBuilder(command).redirectErrorStream(true).start();
        } catch (IOException e) {
            throw new AbsentException("it cannot be started: " + e.getMessage());
        }
        said = process.inputReader(StandardCharsets.UTF_8);
        try {
            name = answer("ready").asText() + suffix;
        } catch (AbsentException e) {
            close();
            throw e;
        }
    }

    /** The answer of this name; the process has ended where there is none. */
    private JsonNode answer(String what) {
        try {
            for (String line = said.readLine(); line != null; line = said.readLine()) {
                JsonNode object = object(line);
                if (object.has("absent")) {
                    throw new AbsentException(object.path("absent").asText());
                } else if (object.has(what)) {
                    return object.path(what);
                }
                words.hear(line);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        throw words.absent(process.onExit().join().exitValue());
    }

    /** Nothing where a line is none, or the half of one that an end has left. */
    private static JsonNode object(String line) {
        ObjectMapper json = new ObjectMapper();
        try {
            return line.startsWith("{\"") ? json.readTree(line) : json.missingNode();
        } catch (JsonProcessingException e) {
            return json.missingNode();
        }
    }

    @Override
    public String name() {
        return name;
    }

    /** @throws AbsentException when it ends instead, or says that it failed */
    @Override
    public double run() {
        try {
            process.getOutputStream().write(AGAIN);
            process.getOutputStream().flush();
        } catch (IOException _) {
            // It has ended since: what it said is still there to be read.
        }
        return answer("ms").asDouble();
    }

    /** What it unpacked it removes when it is asked to end; one that does not end is made to. */
    @Override
    public void close() {
        process.destroy();
        process.onExit()
                .completeOnTimeout(process, PATIENCE_SECONDS, TimeUnit.SECONDS)
                .join();
        process.destroyForcibly().onExit().join();
    }
}
