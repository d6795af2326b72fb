package io.aegis.cli.gpu.bench;

import io.aegis.cli.workload.ChildProcess;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Nsight Compute's command line, {@code ncu}: runs a process of ours, counts what its kernels do in replays of each launch, and prints CSV,
 * a line for each launch and counter.
 *
 * <p>The names of options, counters and columns are those of its documentation (2024.1 and newer); no card has run this yet.
 */
final class NsightCompute {
    /** The kernels that goals are about, and what prepares for them. */
    private static final String KERNELS = "regex:^(attention|matmul|dense|sum_parts)";

    private static final String NOT_PERMITTED = "ERR_NVGPUCTRPERM";

    private NsightCompute() {}

    /**
     * What is known of a section's kernels.
     *
     * @param kernels in the order of their first launch; none where {@code note} says why
     * @param note one line; empty where there are figures
     */
    record Profile(List<KernelProfile> kernels, String note) {
        static Profile none(String why) {
            return new Profile(List.of(), "no figures of Nsight Compute: " + why);
        }
    }

    /** The program in one of the folders of a search path; empty where it is in none. */
    static Optional<Path> find(String searchPath) {
        return Arrays.stream(Optional.ofNullable(searchPath).orElse("").split(File.pathSeparator))
                .filter(folder -> !folder.isBlank())
                .map(folder -> Path.of(folder).resolve("ncu"))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /** What starts a command under {@code ncu}. */
    static List<String> command(Path ncu, List<String> own) {
        List<String> all = new ArrayList<>(List.of(ncu.toString(), "--csv", "--print-units", "base"));
        all.addAll(List.of("--kernel-name", KERNELS, "--metrics"));
        all.add(Arrays.stream(KernelProfile.Counter.values())
                .map(KernelProfile.Counter::metric)
                .collect(Collectors.joining(",")));
        all.addAll(own);
        return all;
    }

    /**
     * Runs a process under {@code ncu}.
     *
     * @param own command of the process
     * @param log the file that takes all it prints
     * @param limit seconds
     */
    static Profile run(Path ncu, List<String> own, Path log, int limit) throws InterruptedException {
        try {
            ChildProcess ran = ChildProcess.run(command(ncu, own), log, limit);
            String said = Files.readString(log);
            if (said.contains(NOT_PERMITTED)) {
                return Profile.none(ncu + " may not read the device's counters (" + NOT_PERMITTED
                        + "), which an administrator of the machine allows");
            }
            if (ran.problem() != null) {
                return Profile.none(ncu + ": " + ran.problem());
            }
            List<KernelProfile> kernels = KernelProfile.of(said);
            return kernels.isEmpty()
                    ? Profile.none(ncu + " printed no table of kernels, see " + log)
                    : new Profile(kernels, "");
        } catch (IOException | IllegalArgumentException e) {
            return Profile.none(ncu + ": " + e.getMessage());
        }
    }
}
