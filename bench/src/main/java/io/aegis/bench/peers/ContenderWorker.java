package io.aegis.bench.peers;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;

/**
 * A contender in a virtual machine of its own: what {@link WorkerProcess} speaks to, as bench/peers/cpu_worker.py is in
 * PyTorch. It times itself, so that the pipe between the two is in no figure. Arguments: the contender's class, which has
 * a constructor of a model's file and a number of threads; the file; the number.
 */
public final class ContenderWorker {
    private ContenderWorker() {}

    public static void main(String[] args) throws IOException {
        try (Contender contender = open(args[0], Path.of(args[1]), Integer.parseInt(args[2]))) {
            say("ready", contender.name());
            BufferedReader asked = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            while (asked.readLine() != null) {
                say("ms", contender.run());
            }
        } catch (InvocationTargetException e) {
            say("absent", "it did not start: " + e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new IllegalArgumentException(args[0] + " is no contender of a file and a number of threads", e);
        } catch (RuntimeException | Error e) { // a trace would end with a line that says nothing
            say("absent", "it failed: " + e);
        }
    }

    private static Contender open(String type, Path model, int threads) throws ReflectiveOperationException {
        return (Contender) Class.forName(type)
                .getDeclaredConstructor(Path.class, int.class)
                .newInstance(model, threads);
    }

    private static void say(String what, Object value) throws IOException {
        System.out.println(new ObjectMapper().writeValueAsString(Map.of(what, value)));
    }
}
