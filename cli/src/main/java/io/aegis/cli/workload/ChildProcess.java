package io.aegis.cli.workload;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/**
 * What a process of our own said, a JSON object a line, and how it ended.
 *
 * @param seconds it took
 * @param objects that it printed, in order
 * @param problem how it failed, with its last words; null when it did not
 * @param late whether its time was up before it ended
 */
public record ChildProcess(double seconds, List<JsonNode> objects, String problem, boolean late) {
    private static final int LAST_WORDS = 4;

    /**
     * Runs a command to its end, or ends it, with all that it started, when its time is up.
     *
     * @param command whose lines that begin with <code>{"</code> are objects
     * @param log the file that takes all it prints
     * @param limit seconds
     * @throws IOException when it cannot be started
     */
    public static ChildProcess run(List<String> command, Path log, int limit) throws IOException, InterruptedException {
        long start = System.nanoTime();
        Process p = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        boolean ended = false;
        List<Long> left = List.of();
        try {
            ended = p.waitFor(limit, TimeUnit.SECONDS);
        } finally { // also when this thread is to stop
            if (!ended) {
                left = ProcessTree.end(p);
            }
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        ObjectMapper json = new ObjectMapper();
        List<JsonNode> objects = new ArrayList<>();
        List<String> rest = new ArrayList<>();
        for (String text : Files.readAllLines(log)) {
            JsonNode object = text.startsWith("{\"") ? object(json, text) : null;
            if (object != null) {
                objects.add(object);
            } else if (!text.isBlank()) {
                rest.add(text);
            }
        }
        if (!ended) {
            String still = left.isEmpty() ? "" : "; it does not end, look at the processes " + left;
            return new ChildProcess(
                    seconds, objects, "ended after " + limit + " s: it hung, or the limit is too short" + still, true);
        }
        String last = rest.isEmpty()
                ? "see " + log
                : String.join(" | ", rest.subList(Math.max(0, rest.size() - LAST_WORDS), rest.size()));
        return new ChildProcess(
                seconds,
                objects,
                p.exitValue() == 0 ? null : String.format(Locale.ROOT, "exit status %d: %s", p.exitValue(), last),
                false);
    }

    /** What a line says; null for the half of one that an end has left. */
    private static JsonNode object(ObjectMapper json, String text) {
        try {
            return json.readTree(text);
        } catch (JsonProcessingException e) {
            return null;
        }
    }
}
