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

    /** The fewest letters to insert, remove, replace, or swap with their neighbour. */
    static int distance(String a, String b) {
        int[][] d = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    d[i][j] = i + j;
                    continue;
                }
                int replaced = d[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                d[i][j] = Math.min(replaced, 1 + Math.min(d[i - 1][j], d[i][j - 1]));
                if (i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1)) {
                    d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
                }
            }
        }
        return d[a.length()][b.length()];
    }
}
