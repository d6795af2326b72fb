package io.aegis.cli.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A program that sets down what it is started with, a line a start, says something and ends.
 *
 * @param program to be started
 * @param log what it was started with
 */
record FakeLauncher(Path program, Path log) {
    /**
     * Makes one by the name of the real one.
     *
     * @param body of the shell script behind the setting down: {@code $*} is what it was given
     */
    static FakeLauncher in(Path folder, String body) throws IOException {
        Path program = folder.resolve("aegis");
        Path log = folder.resolve("started");
        Files.writeString(program, "#!/usr/bin/env bash\necho \"$*\" >>'" + log + "'\n" + body + "\n");
        if (!program.toFile().setExecutable(true)) {
            throw new IOException(program + " cannot be made executable");
        }
        return new FakeLauncher(program, log);
    }

    List<String> starts() throws IOException {
        return Files.readAllLines(log);
    }
}
