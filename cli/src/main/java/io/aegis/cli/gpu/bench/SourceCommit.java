package io.aegis.cli.gpu.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Which code a program that was built from a checkout is of. */
final class SourceCommit {
    private static final int SECONDS = 10;

    private SourceCommit() {}

    /** That of the checkout which {@code ./aegis} lies in; empty where it was started otherwise. */
    static String ofProgram() {
        String home = System.getProperty("aegis.home");
        return home == null ? "" : of(Path.of(home));
    }

    /**
     * As git says it: {@code 0123456789ab}, and {@code with changes} where tracked files differ from it; empty where there is no
     * git, or no commit of this very folder.
     */
    static String of(Path checkout) {
        if (!Files.exists(checkout.resolve(".git"))) {
            return ""; // a folder above it may be another project's
        }
        String commit = git(checkout, "rev-parse", "--short=12", "HEAD");
        if (commit.isEmpty()) {
            return "";
        }
        return git(checkout, "status", "--porcelain", "--untracked-files=no").isEmpty()
                ? commit
                : commit + " with changes";
    }

    /** What it prints; empty when it fails. */
    private static String git(Path checkout, String... words) {
        List<String> command = new ArrayList<>(List.of("git", "-C", checkout.toString()));
        command.addAll(List.of(words));
        try {
            Process p = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            String said = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
            if (!p.waitFor(SECONDS, TimeUnit.SECONDS)) {
                p.destroyForcibly();
                return "";
            }
            return p.exitValue() == 0 ? said : "";
        } catch (IOException e) {
            return "";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "";
        }
    }
}
