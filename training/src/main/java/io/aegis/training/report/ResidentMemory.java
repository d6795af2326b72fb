package io.aegis.training.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** How much memory this process holds. */
public final class ResidentMemory {
    private static final Path STATUS = Path.of("/proc/self/status");

    private ResidentMemory() {}

    /** Resident memory in bytes where Linux tells it (heap, native memory, mapped files), else the used heap. */
    public static long bytes() {
        try {
            return Files.exists(STATUS) ? resident(Files.readAllLines(STATUS)) : heap();
        } catch (IOException unreadable) {
            return heap();
        }
    }

    /** The most that was ever resident in this process, in bytes, where Linux tells it; 0 elsewhere. */
    public static long peak() {
        try {
            return Files.exists(STATUS) ? bytes("VmHWM:", Files.readAllLines(STATUS), 0) : 0;
        } catch (IOException unreadable) {
            return 0;
        }
    }

    /** The line {@code VmRSS:    123456 kB} of /proc/self/status, in bytes; without it the used heap. */
    static long resident(List<String> status) {
        return bytes("VmRSS:", status, heap());
    }

    private static long bytes(String name, List<String> status, long otherwise) {
        for (String line : status) {
            if (line.startsWith(name) && line.endsWith("kB")) {
                return 1024
                        * Long.parseLong(
                                line.substring(name.length(), line.length() - 2).strip());
            }
        }
        return otherwise;
    }

    private static long heap() {
        Runtime runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }
}
