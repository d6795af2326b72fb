package io.aegis.cli.workload;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What of its host a process may use: less in a container, or where somebody said so. Work is cut, and plans refuse, by what
 * the process has.
 *
 * @param processors of this process
 * @param hostProcessors of the machine; 0 where nobody tells
 * @param memory bytes that this process may have
 * @param hostMemory bytes of the machine; 0 where nobody tells
 */
public record Share(int processors, int hostProcessors, long memory, long hostMemory) {
    /** Of this process, on this host; Linux alone tells of the host. */
    public static Share here() {
        return of(Path.of("/proc"));
    }

    /** As above, with {@code cpuinfo} and {@code meminfo} in a folder. */
    static Share of(Path proc) {
        long memory = ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean b
                ? b.getTotalMemorySize()
                : 0;
        List<String> processors = lines(proc.resolve("cpuinfo"), "processor");
        List<String> total = lines(proc.resolve("meminfo"), "MemTotal:");
        return new Share(
                Runtime.getRuntime().availableProcessors(),
                processors.size(),
                memory,
                total.isEmpty() ? 0 : Long.parseLong(total.getFirst().replaceAll("\\D", "")) << 10);
    }

    private static List<String> lines(Path file, String beginning) {
        try {
            return Files.readAllLines(file).stream()
                    .filter(l -> l.startsWith(beginning))
                    .toList();
        } catch (IOException e) {
            return List.of();
        }
    }

    /** A line for each thing that this process has less of than its host. */
    public List<String> limits() {
        List<String> out = new ArrayList<>();
        if (processors < hostProcessors) {
            out.add(processors + " of the host's " + hostProcessors
                    + " processors are for this process (a container's limit, affinity, or -XX:ActiveProcessorCount):"
                    + " work is cut for these");
        }
        if (memory > 0 && memory < hostMemory) {
            out.add(String.format(
                    Locale.ROOT,
                    "%,d of the host's %,d MB of memory are for this process (a container's limit):"
                            + " what needs more is refused before it begins",
                    memory >> 20,
                    hostMemory >> 20));
        }
        return out;
    }
}
