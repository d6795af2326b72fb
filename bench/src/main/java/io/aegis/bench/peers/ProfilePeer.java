package io.aegis.bench.peers;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Peers that run in a Java virtual machine and are only there with the profile: their contenders, in src/peers, are looked
 * up by name. Each has a process of its own: libraries that abort take no others along, and two that bring the same
 * functions, such as oneDNN's or OpenMP's, do not meet.
 */
enum ProfilePeer {
    ONNX,
    DJL;

    /** The collector and its young generation are those that Aegis is measured with; what peers compute lies outside the heap. */
    private static final List<String> JVM =
            List.of("--enable-native-access=ALL-UNNAMED", "-XX:+UseParallelGC", "-XX:MaxNewSize=256m");

    /**
     * The contender for a model, which is made first.
     *
     * @throws AbsentException without the profile, or where its library does not load
     */
    Contender open(Path model, int threads, Runnable make) {
        String type = getClass().getPackageName() + "." + name().charAt(0)
                + name().substring(1).toLowerCase(Locale.ROOT) + "Contender";
        try {
            Class.forName(type, false, getClass().getClassLoader()); // its library is not for this process
        } catch (ClassNotFoundException e) {
            throw new AbsentException("comes with -Ppeers");
        }
        make.run();
        return new WorkerProcess(command(type, model, threads), "");
    }

    /** What starts a contender of this class, from our own class path. */
    static List<String> command(String type, Path model, int threads) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(JVM);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), ContenderWorker.class.getName()));
        command.addAll(List.of(type, model.toString(), "" + threads));
        return command;
    }
}
