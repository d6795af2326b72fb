package io.aegis.bench.peers;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The line by which a process told why it ended, as far as lines do: its last. */
final class LastWords {
    /** Of a virtual machine's report of its own crash, the lines that say what and where; after them come addresses to write to. */
    private static final Pattern CRASH = Pattern.compile("#\\s+(SIG[A-Z]+ .*|Internal Error .*|[CV]  \\[.*)");

    private String last = "nothing";

    void hear(String line) {
        if (line.startsWith("#")) {
            Matcher crash = CRASH.matcher(line);
            if (crash.matches()) {
                last = (last.startsWith("SIG") ? last + ", " : "")
                        + crash.group(1).strip();
            }
        } else if (!line.isBlank()) {
            last = line.strip();
        }
    }

    /** What to say of a process that has ended with this status. */
    AbsentException absent(int status) {
        return new AbsentException("its process ended with status " + status + " and said: " + last);
    }
}
