package io.aegis.cli.workload;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What memory this process has had, and what it may still have, as Linux and its containers tell. */
public final class HostMemory {
    private static final Path MEMORY = Path.of("/proc/meminfo");
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path CONTAINER = Path.of("/sys/fs/cgroup");
    private static final long UNKNOWN = Long.MAX_VALUE;

    private HostMemory() {}

    /** Bytes that can be had without swapping; the largest long where nobody tells. */
    public static long available() {
        return Math.min(kilobytes(MEMORY, "MemAvailable:"), leftInContainer());
    }

    /** The most bytes that were ever resident in this process; 0 where nobody tells. */
    public static long peakResident() {
        long peak = kilobytes(STATUS, "VmHWM:");
        return peak == UNKNOWN ? 0 : peak;
    }

    /** A container's cache of files is given up when memory is wanted. */
    private static long leftInContainer() {
        try {
            String most = Files.readString(CONTAINER.resolve("memory.max")).strip();
            if (most.equals("max")) {
                return UNKNOWN;
            }
            long used = Long.parseLong(
                    Files.readString(CONTAINER.resolve("memory.current")).strip());
            long cache = Files.readAllLines(CONTAINER.resolve("memory.stat")).stream()
                    .filter(l -> l.startsWith("inactive_file "))
                    .mapToLong(l -> Long.parseLong(l.substring(l.indexOf(' ') + 1)))
                    .findFirst()
                    .orElse(0);
            return Long.parseLong(most) - used + cache;
        } catch (IOException | NumberFormatException e) {
            return UNKNOWN;
        }
    }

    private static long kilobytes(Path file, String name) {
        try {
            return Files.readAllLines(file).stream()
                    .filter(l -> l.startsWith(name))
                    .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")) << 10)
                    .findFirst()
                    .orElse(UNKNOWN);
        } catch (IOException | NumberFormatException e) {
            return UNKNOWN;
        }
    }
}
