package io.aegis.cli.workload;

import java.util.ArrayList;
import java.util.List;

/** A process and all that it started, and that those started: a tool's own end leaves what it watches running. */
final class ProcessTree {
    private static final long PATIENCE_NANOS = 10_000_000_000L;
    private static final long LOOK_MILLIS = 20;

    private ProcessTree() {}

    /**
     * Ends all of it at once, and waits until it has ended, but not for ever: a process that waits inside a driver may not end.
     *
     * @return those that still run; empty when all is well
     */
    static List<Long> end(Process root) throws InterruptedException {
        List<ProcessHandle> all = new ArrayList<>(List.of(root.toHandle()));
        root.descendants().forEach(all::add);
        // Whoever starts others is ended before them; what it started since is looked for once more.
        for (int i = 0; i < all.size(); i++) {
            ProcessHandle one = all.get(i);
            List<ProcessHandle> young =
                    one.children().filter(c -> !all.contains(c)).toList();
            one.destroyForcibly();
            all.addAll(young);
        }
        long start = System.nanoTime();
        List<Long> left = running(all);
        while (!left.isEmpty() && System.nanoTime() - start < PATIENCE_NANOS) {
            Thread.sleep(LOOK_MILLIS);
            left = running(all);
        }
        return left;
    }

    /** A process that has ended and that nobody has asked how is still listed, but has no program any more. */
    private static List<Long> running(List<ProcessHandle> all) {
        return all.stream()
                .filter(h -> h.isAlive() && h.info().command().isPresent())
                .map(ProcessHandle::pid)
                .toList();
    }
}
