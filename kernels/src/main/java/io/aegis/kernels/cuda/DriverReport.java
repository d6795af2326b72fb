package io.aegis.kernels.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The driver of this machine.
 *
 * @param library its library's name or file
 * @param version its own, such as {@code 580.95.05}; empty where the system does not tell
 * @param cuda the newest CUDA that it serves, such as {@code 13.0}
 */
public record DriverReport(String library, String version, String cuda) {
    /** What Linux says of the loaded module; the driver's library knows the version of CUDA alone. */
    static final Path MODULE = Path.of("/proc/driver/nvidia/version");

    private static final Pattern VERSION = Pattern.compile("Kernel Module[^\\n]*?\\s(\\d+\\.\\d+(?:\\.\\d+)*)\\s");

    static DriverReport of(Driver driver) {
        return of(driver, MODULE);
    }

    /** @param module a file like {@link #MODULE} */
    static DriverReport of(Driver driver, Path module) {
        String text;
        try {
            text = Files.isReadable(module) ? Files.readString(module) : "";
        } catch (IOException e) {
            text = "";
        }
        return new DriverReport(driver.name(), version(text), driver.versionText());
    }

    /** The version in that file's words; empty where there is none. */
    static String version(String module) {
        Matcher found = VERSION.matcher(module);
        return found.find() ? found.group(1) : "";
    }

    /** As people read it. */
    @Override
    public String toString() {
        return library + (version.isEmpty() ? "" : " " + version) + " for CUDA " + cuda;
    }
}
