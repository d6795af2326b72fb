package io.aegis.bench.peers;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.cli.bench.BenchReport;
import io.aegis.cli.bench.Ceiling;
import io.aegis.cli.bench.Ceilings;
import io.aegis.kernels.Backends;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Ours, a peer, ours, the next peer, and again: medians of rounds that were taken in turn, in one table beside the ceilings
 * of the same run. Argument: bench's folder. Properties: {@code peers.rounds}; {@code peers.only}, a regular expression of
 * rows; {@code peers.suffix} of the files' name; and those of {@link Tools}. It writes results/DATE-MACHINESUFFIX.md and .json.
 */
public final class Peers {
    private static final double GIGA = 1e9;
    private static final String OURS = "Aegis";

    private Peers() {}

    public static void main(String[] args) throws IOException {
        Path bench = Path.of(args[0]);
        int rounds = Integer.getInteger("peers.rounds", 3);
        String only = System.getProperty("peers.only", "");
        Ceilings ceilings = Ceilings.measure(Backends.best(), false);
        ceilings.all().forEach(System.out::println);
        ObjectNode json = BenchReport.machine(Backends.best());
        json.put("date", LocalDate.now().toString());
        json.put("rounds", rounds);
        ArrayNode all = json.putArray("ceilings");
        for (Ceiling c : ceilings.all()) {
            all.addObject().put("name", c.name()).put("value", c.value()).put("unit", c.unit());
        }
        ArrayNode rows = json.putArray("rows");
        StringBuilder table = new StringBuilder("| work | Aegis | peer | ratio | at best |\n|---|---:|---|---:|---|\n");
        for (Work w : Work.all(Tools.find(bench.resolve("peers")))) {
            if (only.isEmpty() || w.name().matches(".*(" + only + ").*")) {
                String lines = row(w, rounds, ceilings, rows.addObject());
                System.out.print(lines);
                table.append(lines);
            }
        }
        Path results = Files.createDirectories(bench.resolve("results"));
        String name = LocalDate.now() + "-"
                + BenchReport.processor().toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-")
                + System.getProperty("peers.suffix", "");
        Files.writeString(results.resolve(name + ".md"), head(ceilings, rounds) + table);
        Files.writeString(
                results.resolve(name + ".json"),
                new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n");
        System.out.println("wrote " + results.resolve(name + ".md"));
    }

    private static String head(Ceilings ceilings, int rounds) {
        StringBuilder s = new StringBuilder("# " + BenchReport.processor() + ", " + Ceilings.threads()
                + " threads, Java " + Runtime.version() + ", " + LocalDate.now() + "\n\n");
        s.append("Medians of ").append(rounds).append(" rounds, in turn, after one of each. Ceilings: ");
        for (Ceiling c : ceilings.all()) {
            s.append(String.format(Locale.ROOT, "%s %.1f %s; ", c.name(), c.value(), c.unit()));
        }
        return s.append("`at best` is what the work would take at the ceiling of all threads.\n\n")
                .toString();
    }

    /** Runs one piece of work; who is missing, we ourselves too, is named with what it needs. */
    static String row(Work w, int rounds, Ceilings ceilings, ObjectNode json) {
        json.put("work", w.name());
        List<Contender> there = new ArrayList<>();
        List<String> absent = new ArrayList<>();
        List<Work.Other> all = new ArrayList<>(w.peers());
        all.addFirst(new Work.Other(OURS, w.ours()));
        try {
            for (Work.Other o : all) {
                try {
                    there.add(o.peer().get());
                } catch (AbsentException e) {
                    absent.add(o.name() + " is absent: " + e.getMessage());
                }
            }
            double[][] taken = new double[there.size()][rounds];
            for (int r = -1; r < rounds; r++) {
                for (int i = 0; i < taken.length; i++) {
                    double ms = there.get(i).run();
                    if (r >= 0) {
                        taken[i][r] = ms;
                    }
                }
            }
            return lines(w, there, taken, absent, ceilings, json);
        } finally {
            there.forEach(Contender::close);
        }
    }

    private static String lines(
            Work w, List<Contender> there, double[][] taken, List<String> absent, Ceilings ceilings, ObjectNode json) {
        List<Ceiling> arithmetic = ceilings.arithmetic(w.compute());
        double best = w.bytes() > 0
                ? w.bytes() / ceilings.read().value() / GIGA
                : arithmetic.isEmpty()
                        ? Double.NaN
                        : w.operations() / arithmetic.getLast().value() / GIGA;
        ArrayNode figures = json.putArray("ms");
        for (int i = 0; i < taken.length; i++) {
            Arrays.sort(taken[i]);
            ObjectNode f = figures.addObject().put("by", there.get(i).name());
            f.put("median", taken[i][taken[i].length / 2]);
            f.put("least", taken[i][0]).put("most", taken[i][taken[i].length - 1]);
        }
        absent.forEach(json.withArray("absent")::add);
        boolean present = !there.isEmpty() && there.getFirst().name().equals(OURS);
        double ours = present ? taken[0][taken[0].length / 2] : Double.NaN;
        String bound = Double.isNaN(best) ? "" : figure(w, 1e3 * best);
        StringBuilder s = new StringBuilder();
        for (int i = present ? 1 : 0; i < taken.length; i++) {
            double theirs = taken[i][taken[i].length / 2];
            s.append(String.format(
                    Locale.ROOT,
                    "| %s | %s | %s: %s | %s | %s |%n",
                    w.name(),
                    present ? figure(w, ours) : "",
                    there.get(i).name(),
                    figure(w, theirs),
                    present ? String.format(Locale.ROOT, "%.2f", ours / theirs) : "",
                    bound));
        }
        if (present && taken.length == 1) {
            s.append(String.format("| %s | %s | | | %s |%n", w.name(), figure(w, ours), bound));
        }
        absent.forEach(a -> s.append(String.format("| %s | | %s | | |%n", w.name(), a)));
        return s.toString();
    }

    private static String figure(Work w, double ms) {
        return w.tokens() > 0
                ? String.format(Locale.ROOT, "%.1f tokens/s", 1e3 * w.tokens() / ms)
                : String.format(Locale.ROOT, "%.0f ms", ms);
    }
}
