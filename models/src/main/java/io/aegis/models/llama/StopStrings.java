package io.aegis.models.llama;

import java.util.List;

/** Looks for texts that end an answer in one that comes in pieces, and holds back what may be the beginning of one. */
final class StopStrings {
    private final List<String> stops;
    private String held = "";
    private boolean found;

    StopStrings(List<String> stops) {
        this.stops = stops;
    }

    /** Whether one has appeared; nothing is let through from then on. */
    boolean found() {
        return found;
    }

    /** Takes in the next piece and lets through what is certainly no part of a stop string. */
    String accept(String piece) {
        if (found) {
            return "";
        }
        String text = held + piece;
        int at = first(text);
        if (at >= 0) {
            found = true;
            held = "";
            return text.substring(0, at);
        }
        int safe = text.length() - beginning(text);
        held = text.substring(safe);
        return text.substring(0, safe);
    }

    /** What was held back, when nothing more comes. */
    String rest() {
        String rest = held;
        held = "";
        return rest;
    }

    private int first(String text) {
        return stops.stream().mapToInt(text::indexOf).filter(i -> i >= 0).min().orElse(-1);
    }

    /** Length of the longest end of {@code text} with which a stop string begins. */
    private int beginning(String text) {
        int longest = 0;
        for (String stop : stops) {
            for (int n = Math.min(stop.length() - 1, text.length()); n > longest; n--) {
                if (text.regionMatches(text.length() - n, stop, 0, n)) {
                    longest = n;
                }
            }
        }
        return longest;
    }
}
