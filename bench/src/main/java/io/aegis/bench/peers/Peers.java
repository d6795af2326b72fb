package io.aegis.bench.peers;

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
 * rows; {@code peers.suffix} of the files' name; and those of {@link Tools}. It writes results/DATE-MACHINESUFFIX.md and .json,
 * after every row.
 */
public final class Peers {
    private static final double GIGA = 1e9;
    private static final String OURS = "Aegis";

    private Peers() {}

    public static void main(String[] args) throws IOException {
        Path bench = Path.of(args[0]);
        int rounds = Integer.getInteger("peers.rounds", 3);
        String only = System.getProperty("peers.only", "");
        List<Work> chosen = Work.all(Tools.find(bench.resolve("peers"))).stream()
                .filter(w -> only.isEmpty() || w.name().matches(".*(" + only + ").*"))
                .toList();
        if (chosen.isEmpty()) {
            throw new IllegalArgumentException("no row's name has peers.only=" + only);
        }
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
        String name = LocalDate.now() + "-"
                + BenchReport.processor().toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-")
                + System.getProperty("peers.suffix", "");
        Table table = new Table(Files.createDirectories(bench.resolve("results")), name, head(ceilings, rounds), json);
        for (Work w : chosen) {
            String lines = row(w, rounds, ceilings, rows.addObject());
            System.out.print(lines);
            table.add(lines);
        }
        System.out.println("wrote " + table.file());
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

    /** One that takes part: its name where it is absent, itself, and its milliseconds in each round. */
    private record Entrant(String name, Contender contender, double[] taken) {
        double median() {
            return taken[taken.length / 2];
        }
    }

    /**
     * Runs one piece of work; who is missing, we ourselves too, is named with what it needs, and who ends in the middle
     * with its last words.
     */
    static String row(Work w, int rounds, Ceilings ceilings, ObjectNode json) {
        json.put("work", w.name());
        List<Entrant> there = new ArrayList<>();
        List<String> absent = new ArrayList<>();
        List<Work.Other> all = new ArrayList<>(w.peers());
        all.addFirst(new Work.Other(OURS, w.ours()));
        try {
            for (Work.Other o : all) {
                try {
                    there.add(new Entrant(o.name(), o.peer().get(), new double[rounds]));
                } catch (AbsentException e) {
                    absent.add(absence(o.name(), e));
                }
            }
            for (int r = -1; r < rounds; r++) {
                for (Entrant one : List.copyOf(there)) {
                    try {
                        double ms = one.contender().run();
                        if (r >= 0) {
                            one.taken()[r] = ms;
                        }
                    } catch (AbsentException e) {
                        absent.add(absence(one.name(), e));
                        there.remove(one);
                        one.contender().close();
                    }
                }
            }
            return lines(w, there, absent, ceilings, json);
        } finally {
            there.forEach(one -> one.contender().close());
        }
    }

    /** A vertical bar would be the end of a column. */
    private static String absence(String name, AbsentException e) {
        return name + " is absent: " + e.getMessage().replace('|', '/');
    }

    private static String lines(Work w, List<Entrant> there, List<String> absent, Ceilings ceilings, ObjectNode json) {
        List<Ceiling> arithmetic = ceilings.arithmetic(w.compute());
        double best = w.bytes() > 0
                ? w.bytes() / ceilings.read().value() / GIGA
                : arithmetic.isEmpty()
                        ? Double.NaN
                        : w.operations() / arithmetic.getLast().value() / GIGA;
        ArrayNode figures = json.putArray("ms");
        for (Entrant one : there) {
            Arrays.sort(one.taken());
            ObjectNode f = figures.addObject().put("by", one.contender().name());
            f.put("median", one.median());
            f.put("least", one.taken()[0]).put("most", one.taken()[one.taken().length - 1]);
        }
        absent.forEach(json.withArray("absent")::add);
        boolean present = !there.isEmpty() && there.getFirst().name().equals(OURS);
        double ours = present ? there.getFirst().median() : Double.NaN;
        String bound = Double.isNaN(best) ? "" : figure(w, 1e3 * best);
        StringBuilder s = new StringBuilder();
        for (Entrant other : there.subList(present ? 1 : 0, there.size())) {
            s.append(String.format(
                    Locale.ROOT,
                    "| %s | %s | %s: %s | %s | %s |%n",
                    w.name(),
                    present ? figure(w, ours) : "",
                    other.contender().name(),
                    figure(w, other.median()),
                    present ? String.format(Locale.ROOT, "%.2f", ours / other.median()) : "",
                    bound));
        }
        if (present && there.size() == 1) {
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
