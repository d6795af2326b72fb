package io.aegis.weights;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How one layout's tensor names become another's: rules in order, of which the first that fits decides. A rule is a
 * pair of names, either exact or with places: {@code {i}} (or any other word) stands for a decimal number, such as that
 * of a layer, and <code>{*}</code> for any text. {@code encoder.layer.{i}.output.weight -> blocks.{i}.out.weight}.
 */
public final class NameTable {
    private static final Pattern PLACE = Pattern.compile("\\{(\\w+|\\*)\\}");

    private final List<Rule> rules;

    private record Rule(Pattern from, List<String> places, String source, String to) {}

    private NameTable(List<Rule> rules) {
        this.rules = List.copyOf(rules);
    }

    /** A table without rules: it knows no name. */
    public static NameTable empty() {
        return new NameTable(List.of());
    }

    /** This table and one more rule behind the others. */
    public NameTable rename(String from, String to) {
        List<String> places = places(from);
        if (!Set.copyOf(places).equals(Set.copyOf(places(to)))
                || places.size() != Set.copyOf(places).size()) {
            throw new IllegalArgumentException(from + " -> " + to + ": both sides need the same places, each once");
        }
        return with(from, places, to);
    }

    /** This table and one more rule: tensors of such names are left out. */
    public NameTable ignore(String name) {
        return with(name, places(name), null);
    }

    private NameTable with(String from, List<String> places, String to) {
        List<Rule> more = new ArrayList<>(rules);
        more.add(new Rule(pattern(from), places, from, to));
        return new NameTable(more);
    }

    /** The table that goes back. What this one ignores, that one does not know. */
    public NameTable inverse() {
        NameTable out = empty();
        for (Rule rule : rules) {
            if (rule.to != null) {
                out = out.rename(rule.to, rule.source);
            }
        }
        return out;
    }

    /** The new name; empty when no rule fits or the name is ignored. */
    public Optional<String> apply(String name) {
        for (Rule rule : rules) {
            Matcher matcher = rule.from.matcher(name);
            if (matcher.matches()) {
                return Optional.ofNullable(rule.to).map(to -> filled(to, rule.places, matcher));
            }
        }
        return Optional.empty();
    }

    /** Whether a rule fits, be it to rename or to ignore. */
    public boolean knows(String name) {
        return rules.stream().anyMatch(rule -> rule.from.matcher(name).matches());
    }

    /**
     * A checkpoint under the new names, in its own order, over the same bytes. Closing it closes the original.
     *
     * @throws WeightsException when some of its names fit no rule (all are listed), or two get the same new name
     */
    public Checkpoint over(Checkpoint original) {
        Map<String, String> originals = new LinkedHashMap<>();
        List<String> unknown = new ArrayList<>();
        for (String name : original.names()) {
            if (!knows(name)) {
                unknown.add(name);
            }
            apply(name).ifPresent(to -> {
                String other = originals.put(to, name);
                if (other != null) {
                    throw WeightsException.of(
                            original.path(), name, "and tensor " + other + " would both become " + to);
                }
            });
        }
        if (!unknown.isEmpty()) {
            int shown = Math.min(20, unknown.size());
            String more = unknown.size() > shown ? " and " + (unknown.size() - shown) + " more" : "";
            throw WeightsException.of(
                    original.path(),
                    "names that this layout does not have: " + String.join(", ", unknown.subList(0, shown)) + more);
        }
        return new RenamedCheckpoint(original, originals);
    }

    private static List<String> places(String name) {
        return PLACE.matcher(name).results().map(r -> r.group(1)).toList();
    }

    private static Pattern pattern(String name) {
        StringBuilder out = new StringBuilder();
        Matcher place = PLACE.matcher(name);
        int at = 0;
        while (place.find()) {
            out.append(Pattern.quote(name.substring(at, place.start())));
            out.append(place.group(1).equals("*") ? "(.*)" : "(0|[1-9][0-9]*)");
            at = place.end();
        }
        return Pattern.compile(out.append(Pattern.quote(name.substring(at))).toString(), Pattern.DOTALL);
    }

    private static String filled(String to, List<String> places, Matcher matcher) {
        return PLACE.matcher(to)
                .replaceAll(p -> Matcher.quoteReplacement(matcher.group(places.indexOf(p.group(1)) + 1)));
    }
}
