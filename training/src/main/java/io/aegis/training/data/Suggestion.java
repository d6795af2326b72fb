package io.aegis.training.data;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;

/** The name that was probably meant. */
final class Suggestion {
    private Suggestion() {}

    /** {@code "; did you mean 'label'?"}, or nothing when no name is near. */
    static String of(String given, Collection<String> names) {
        String low = given.toLowerCase(Locale.ROOT);
        return names.stream()
                .min(Comparator.comparingInt(n -> distance(low, n.toLowerCase(Locale.ROOT))))
                .filter(n -> distance(low, n.toLowerCase(Locale.ROOT)) <= Math.max(1, n.length() / 3))
                .map(n -> "; did you mean '" + n + "'?")
                .orElse("");
    }

    /** Levenshtein: the fewest letters to insert, remove or replace. */
    static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[b.length()];
    }
}
