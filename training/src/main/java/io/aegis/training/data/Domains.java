package io.aegis.training.data;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;

/**
 * The training domains and their numbers in DADM's losses. A domain's position chooses its head. Its prototype class is 1
 * for bona fide samples of any domain; attacks have a class a domain: the published numbers for the published sets (WMCA 0,
 * CeFA 2, SURF 3, PADISI 4), and for others the lowest number that is free.
 *
 * @param names in the order given for training
 */
public record Domains(List<String> names) {
    private static final int BONA_FIDE_CLASS = 1;
    private static final Map<String, Integer> PUBLISHED = Map.of("WMCA", 0, "CeFA", 2, "SURF", 3, "PADISI", 4);

    public Domains {
        names = List.copyOf(names);
        if (names.isEmpty() || new LinkedHashSet<>(names).size() != names.size()) {
            throw new DataException("training domains " + names + "; expected at least one, each once");
        }
    }

    /**
     * The position of a sample's domain.
     *
     * @throws DataException when it is not a training domain
     */
    public int position(Sample sample) {
        int position = names.indexOf(sample.domain());
        if (position < 0) {
            throw new DataException(sample.id() + ": domain '" + sample.domain()
                    + "' is not among the training domains " + String.join(", ", names));
        }
        return position;
    }

    /** The prototype class of a sample. */
    public int prototype(Sample sample) {
        int position = position(sample);
        return sample.bonaFide() ? BONA_FIDE_CLASS : attackClasses().get(position);
    }

    /** How many prototype classes there are; the published five at least. */
    public int classes() {
        return Math.max(5, attackClasses().stream().mapToInt(c -> c + 1).max().orElseThrow());
    }

    private List<Integer> attackClasses() {
        List<Integer> taken = new ArrayList<>(List.of(BONA_FIDE_CLASS));
        names.stream().filter(PUBLISHED::containsKey).map(PUBLISHED::get).forEach(taken::add);
        List<Integer> classes = new ArrayList<>();
        for (String name : names) {
            int free = 0;
            while (taken.contains(free)) {
                free++;
            }
            classes.add(PUBLISHED.getOrDefault(name, free));
            taken.add(classes.getLast());
        }
        return classes;
    }
}
