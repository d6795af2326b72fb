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
 * rows; {@code peers.note}; and those of {@link Tools}. It writes results/DATE-MACHINE.md and .json.
 */
public final class Peers {
    private static final double GIGA = 1e9;

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
                + BenchReport.processor().toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
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

    /** Runs one piece of work; a peer that is missing is named with what it needs. */
    private static String row(Work w, int rounds, Ceilings ceilings, ObjectNode json) {
        json.put("work", w.name());
        List<Contender> there = new ArrayList<>();
        List<String> absent = new ArrayList<>();
        try {
            there.add(w.ours().get());
            for (Work.Other o : w.peers()) {
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
        double best = w.bytes() > 0
                ? w.bytes() / ceilings.read().value() / GIGA
                : w.operations() / ceilings.fma().value() / GIGA;
        ArrayNode figures = json.putArray("ms");
        for (int i = 0; i < taken.length; i++) {
            Arrays.sort(taken[i]);
            ObjectNode f = figures.addObject().put("by", there.get(i).name());
            f.put("median", taken[i][taken[i].length / 2]);
            f.put("least", taken[i][0]).put("most", taken[i][taken[i].length - 1]);
        }
        absent.forEach(json.withArray("absent")::add);
        double ours = taken[0][taken[0].length / 2];
        String bound = Double.isNaN(best) ? "" : figure(w, 1e3 * best);
        StringBuilder s = new StringBuilder();
        for (int i = 1; i < taken.length; i++) {
            double theirs = taken[i][taken[i].length / 2];
            s.append(String.format(
                    Locale.ROOT,
                    "| %s | %s | %s: %s | %.2f | %s |%n",
                    w.name(),
                    figure(w, ours),
                    there.get(i).name(),
                    figure(w, theirs),
                    ours / theirs,
                    bound));
        }
        if (taken.length == 1) {
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
