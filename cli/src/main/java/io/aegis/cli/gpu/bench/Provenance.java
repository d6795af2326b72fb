package io.aegis.cli.gpu.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.DeviceReport;
import io.aegis.kernels.cuda.DriverReport;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the figures of a report are of: when, which code, which GPU, and what stands between them. Empty or 0 is unknown.
 *
 * @param date year, month and day
 * @param commit of the code
 * @param device as it was asked for: {@code cuda}, {@code cuda:1}, {@code emulator}
 * @param index of the GPU; -1 for none
 * @param name the GPU's own
 * @param capability compute capability, such as {@code 9.0}
 * @param multiprocessors their number
 * @param memory bytes of the GPU
 * @param clock megahertz of the multiprocessors at most
 * @param memoryClock megahertz of the memory at most
 * @param driver its version and library
 * @param cuda newest CUDA that the driver serves
 * @param compiler of the kernels, with its version
 * @param java version
 */
public record Provenance(
        String date,
        String commit,
        String device,
        int index,
        String name,
        String capability,
        int multiprocessors,
        long memory,
        int clock,
        int memoryClock,
        String driver,
        String cuda,
        String compiler,
        String java) {
    private static final Pattern CUDA = Pattern.compile("cuda(?::(\\d{1,3}))?");
    private static final int MEGA = 20;

    /**
     * Of this program on this machine, today.
     *
     * @param device as {@code --device} names it
     * @param commit empty to ask the checkout
     */
    public static Provenance here(String device, String commit) {
        return of(
                LocalDate.now().toString(),
                commit.isEmpty() ? SourceCommit.ofProgram() : commit,
                device,
                CudaBackend.devices(),
                CudaBackend.driver(),
                CudaBackend.compiler().name());
    }

    /** @param driver null for none; {@code compiler} as well */
    static Provenance of(
            String date,
            String commit,
            String device,
            List<DeviceReport> devices,
            DriverReport driver,
            String compiler) {
        Matcher cuda = CUDA.matcher(device);
        boolean gpu = cuda.matches();
        int index = !gpu ? -1 : cuda.group(1) == null ? 0 : Integer.parseInt(cuda.group(1));
        DeviceReport found = devices.stream()
                .filter(d -> d.index() == index)
                .findFirst()
                .orElse(new DeviceReport(index, "", "", "", 0, 0, 0, 0, null));
        boolean driven = gpu && driver != null;
        return new Provenance(
                date,
                commit,
                device,
                index,
                found.name(),
                found.capability(),
                found.multiprocessors(),
                found.memory(),
                found.clock(),
                found.memoryClock(),
                driven ? (driver.version() + " " + driver.library()).strip() : "",
                driven ? driver.cuda() : "",
                gpu && compiler != null ? compiler : "",
                Runtime.version().toString());
    }

    /** The device, and its name where it has one: {@code cuda:1: NVIDIA H200}. */
    public String title() {
        return name.isEmpty() ? device : device + ": " + name;
    }

    /** All else in one paragraph. */
    public String text() {
        List<String> parts = new ArrayList<>();
        parts.add("Commit " + or(commit));
        if (index >= 0) {
            parts.add("device " + index + ", " + or(name) + ", compute capability " + or(capability)
                    + (multiprocessors == 0 ? "" : ", " + multiprocessors + " multiprocessors")
                    + (memory == 0 ? "" : String.format(Locale.ROOT, ", %,d MB", memory >> MEGA)));
            parts.add("clocks at most " + megahertz(clock) + ", memory " + megahertz(memoryClock));
            parts.add("driver " + or(driver) + ", CUDA " + or(cuda));
            parts.add("kernels compiled by " + or(compiler));
        }
        parts.add("Java " + java);
        return String.join("; ", parts) + ".";
    }

    private static String or(String known) {
        return known.isEmpty() ? "unknown" : known;
    }

    private static String megahertz(int clock) {
        return clock == 0 ? "unknown" : clock + " MHz";
    }

    /** Writes what is known. */
    public void into(ObjectNode o) {
        o.put("device", title());
        if (index >= 0) {
            o.put("device_index", index);
        }
        put(o, "device_name", name);
        put(o, "compute_capability", capability);
        put(o, "multiprocessors", multiprocessors);
        put(o, "memory_bytes", memory);
        put(o, "clock_limit_mhz", clock);
        put(o, "memory_clock_limit_mhz", memoryClock);
        put(o, "driver", driver);
        put(o, "cuda", cuda);
        put(o, "compiler", compiler);
        o.put("java", java);
        o.put("date", date);
        put(o, "commit", commit);
    }

    private static void put(ObjectNode o, String key, String known) {
        if (!known.isEmpty()) {
            o.put(key, known);
        }
    }

    private static void put(ObjectNode o, String key, long known) {
        if (known > 0) {
            o.put(key, known);
        }
    }

    /** What {@link #into} wrote. */
    static Provenance of(JsonNode o) {
        String name = o.path("device_name").asText();
        String title = o.path("device").asText();
        return new Provenance(
                o.path("date").asText(),
                o.path("commit").asText(),
                name.isEmpty() ? title : title.substring(0, title.length() - name.length() - 2),
                o.path("device_index").asInt(-1),
                name,
                o.path("compute_capability").asText(),
                o.path("multiprocessors").asInt(),
                o.path("memory_bytes").asLong(),
                o.path("clock_limit_mhz").asInt(),
                o.path("memory_clock_limit_mhz").asInt(),
                o.path("driver").asText(),
                o.path("cuda").asText(),
                o.path("compiler").asText(),
                o.path("java").asText());
    }
}
