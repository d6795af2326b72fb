package io.aegis.kernels.cuda;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What one entry needs of a multiprocessor, as ptxas says.
 *
 * @param entry the kernel's name
 * @param registers of a thread
 * @param shared bytes of static shared memory of a block
 * @param stack bytes of local memory of a thread
 * @param spills bytes that are stored to local memory and loaded again for want of registers
 */
record Usage(String entry, int registers, int shared, int stack, int spills) {
    private static final Pattern ENTRY = Pattern.compile("Compiling entry function '([^']+)'");
    private static final Pattern FRAME =
            Pattern.compile("(\\d+) bytes stack frame, (\\d+) bytes spill stores, (\\d+) bytes spill loads");
    private static final Pattern USED = Pattern.compile("Used (\\d+) registers");
    private static final Pattern SHARED = Pattern.compile("(\\d+) bytes smem");

    /** Every entry of a log, by name. */
    static List<Usage> parse(String log) {
        List<Usage> all = new ArrayList<>();
        String entry = null;
        int stack = 0;
        int spills = 0;
        for (String line : log.lines().toList()) {
            Matcher m = ENTRY.matcher(line);
            if (m.find()) {
                entry = m.group(1);
                stack = 0;
                spills = 0;
                continue;
            }
            m = FRAME.matcher(line);
            if (entry != null && m.find()) {
                stack = Integer.parseInt(m.group(1));
                spills = Integer.parseInt(m.group(2)) + Integer.parseInt(m.group(3));
                continue;
            }
            m = USED.matcher(line);
            if (entry != null && m.find()) {
                Matcher s = SHARED.matcher(line);
                all.add(new Usage(
                        entry,
                        Integer.parseInt(m.group(1)),
                        s.find() ? Integer.parseInt(s.group(1)) : 0,
                        stack,
                        spills));
                entry = null;
            }
        }
        all.sort(Comparator.comparing(Usage::entry));
        return all;
    }

    /** What a log says beside the figures: warnings, and matrix products that were serialised. */
    static List<String> warnings(String log) {
        return log.lines()
                .filter(l -> l.contains("warning") || l.contains("serialized"))
                .map(String::strip)
                .toList();
    }
}
