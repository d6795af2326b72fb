package io.aegis.cli.gpu.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;

/**
 * Memory of a device that tensors hold, in bytes.
 *
 * @param peak the most at once, as the allocator counted it: blocks of its own sizes, those that graphs keep among them; 0 where it was
 *     not looked at
 * @param planned what {@code train --plan} says of the same, without its allowance for a context; 0 where nothing is planned
 * @param asked what it is to hold at the most; 0 where nothing is asked
 */
public record Footprint(long peak, long planned, long asked) {
    /** Nothing is known. */
    public static final Footprint NONE = new Footprint(0, 0, 0);

    /** What was foreseen, and what came. */
    Footprint withPeak(long measured) {
        return new Footprint(measured, planned, asked);
    }

    /** For people; empty where nothing is known. */
    String text() {
        if (peak == 0) {
            return "";
        }
        StringBuilder s = new StringBuilder(gigabytes(peak)).append(" of device memory at most");
        if (planned > 0) {
            s.append(String.format(
                    Locale.ROOT, ", planned %s (%+.1f %%)", gigabytes(planned), 100.0 * peak / planned - 100));
        }
        if (asked > 0) {
            s.append(", asked ").append(gigabytes(asked)).append(peak <= asked ? ": within" : ": beyond");
        }
        return s.toString();
    }

    private static String gigabytes(long bytes) {
        return String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
    }

    /** Writes what there is; {@link #of} reads it. */
    void into(ObjectNode o) {
        o.put("peak_bytes", peak);
        if (planned > 0) {
            o.put("planned_bytes", planned);
        }
        if (asked > 0) {
            o.put("asked_bytes", asked);
        }
    }

    static Footprint of(JsonNode o) {
        return new Footprint(
                o.path("peak_bytes").asLong(),
                o.path("planned_bytes").asLong(),
                o.path("asked_bytes").asLong());
    }
}
