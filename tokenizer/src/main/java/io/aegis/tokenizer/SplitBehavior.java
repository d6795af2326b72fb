package io.aegis.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What becomes of a pattern's matches when a text is cut at them. */
enum SplitBehavior {
    REMOVED,
    ISOLATED,
    MERGED_WITH_PREVIOUS,
    MERGED_WITH_NEXT,
    CONTIGUOUS;

    /** By its name in tokenizer.json, such as {@code MergedWithNext}. */
    static SplitBehavior named(String name) {
        for (SplitBehavior b : values()) {
            if (b.name().replace("_", "").toLowerCase(Locale.ROOT).equals(name.toLowerCase(Locale.ROOT))) {
                return b;
            }
        }
        throw new IllegalArgumentException("behavior is \"" + name
                + "\", expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
    }

    /** A stretch of text that is a match or lies between matches. */
    private record Stretch(int begin, int end, boolean match) {}

    /**
     * Cuts a text.
     *
     * @param inverted whether what lies between the matches is cut at, instead of the matches
     */
    List<Text> split(Text text, Matcher pattern, boolean inverted) {
        List<Text> out = new ArrayList<>();
        for (Stretch s : joined(stretches(text.chars(), pattern.matches(text.chars()), inverted))) {
            if (!(this == REMOVED && s.match)) {
                out.add(text.slice(s.begin, s.end));
            }
        }
        return out;
    }

    private static List<Stretch> stretches(String chars, int[] matches, boolean inverted) {
        List<Stretch> out = new ArrayList<>();
        int at = 0;
        for (int i = 0; i < matches.length; i += 2) {
            if (at < matches[i]) {
                out.add(new Stretch(at, matches[i], inverted));
            }
            at = matches[i + 1];
            out.add(new Stretch(matches[i], at, !inverted));
        }
        if (at < chars.length()) {
            out.add(new Stretch(at, chars.length(), inverted));
        }
        return out;
    }

    private List<Stretch> joined(List<Stretch> parts) {
        return switch (this) {
            case REMOVED, ISOLATED -> parts;
            case CONTIGUOUS -> joinedForward(parts, true);
            case MERGED_WITH_PREVIOUS -> joinedForward(parts, false);
            case MERGED_WITH_NEXT -> joinedBackward(parts);
        };
    }

    /** Either each stretch joins a neighbour of its kind, or each match what is not a match before it. */
    private static List<Stretch> joinedForward(List<Stretch> parts, boolean sameKind) {
        List<Stretch> out = new ArrayList<>();
        boolean previous = false;
        for (Stretch s : parts) {
            boolean joins = sameKind ? s.match == previous : s.match && !previous;
            if (joins && !out.isEmpty()) {
                out.add(new Stretch(out.removeLast().begin, s.end, false));
            } else {
                out.add(s);
            }
            previous = s.match;
        }
        return out;
    }

    private static List<Stretch> joinedBackward(List<Stretch> parts) {
        List<Stretch> out = new ArrayList<>();
        boolean previous = false;
        for (Stretch s : parts.reversed()) {
            if (s.match && !previous && !out.isEmpty()) {
                out.add(new Stretch(s.begin, out.removeLast().end, false));
            } else {
                out.add(s);
            }
            previous = s.match;
        }
        return out.reversed();
    }
}
