package io.aegis.tokenizer;

import java.util.Arrays;

/**
 * Characters that remember where they come from: UTF-16 unit i stands for {@code from[i] <= at < to[i]} of the source.
 */
record Text(String chars, int[] from, int[] to) {
    /** A source itself. */
    static Text of(String source) {
        int[] from = new int[source.length()];
        int[] to = new int[source.length()];
        for (int i = 0; i < from.length; i++) {
            // Halves of a surrogate pair both stand for the whole character.
            boolean low = i > 0 && Character.isSurrogatePair(source.charAt(i - 1), source.charAt(i));
            boolean high = i + 1 < from.length && Character.isSurrogatePair(source.charAt(i), source.charAt(i + 1));
            from[i] = low ? i - 1 : i;
            to[i] = high ? i + 2 : i + 1;
        }
        return new Text(source, from, to);
    }

    boolean isEmpty() {
        return chars.isEmpty();
    }

    int length() {
        return chars.length();
    }

    /** Where in the source it begins. */
    int begin() {
        return from[0];
    }

    Text slice(int begin, int end) {
        return begin == 0 && end == length()
                ? this
                : new Text(
                        chars.substring(begin, end),
                        Arrays.copyOfRange(from, begin, end),
                        Arrays.copyOfRange(to, begin, end));
    }

    /** With characters in front, which stand for what the first one stands for. */
    Text prepend(String put) {
        Builder out = new Builder(put.length() + length());
        out.add(put, from[0], to[0]);
        out.add(this, 0, length());
        return out.build();
    }

    /** Collects the characters of a changed text. */
    static final class Builder {
        private final StringBuilder chars;
        private int[] from;
        private int[] to;

        Builder(int expected) {
            chars = new StringBuilder(expected);
            from = new int[Math.max(8, expected)];
            to = new int[from.length];
        }

        /** Adds characters that together stand for one range of the source. */
        void add(String put, int begin, int end) {
            int n = chars.length();
            reserve(n + put.length());
            chars.append(put);
            Arrays.fill(from, n, n + put.length(), begin);
            Arrays.fill(to, n, n + put.length(), end);
        }

        /** Adds one character that stands for a range of the source. */
        void add(char put, int begin, int end) {
            int n = chars.length();
            reserve(n + 1);
            chars.append(put);
            from[n] = begin;
            to[n] = end;
        }

        /** Adds a part of another text. */
        void add(Text other, int begin, int end) {
            int n = chars.length();
            reserve(n + end - begin);
            chars.append(other.chars, begin, end);
            System.arraycopy(other.from, begin, from, n, end - begin);
            System.arraycopy(other.to, begin, to, n, end - begin);
        }

        Text build() {
            return new Text(chars.toString(), Arrays.copyOf(from, chars.length()), Arrays.copyOf(to, chars.length()));
        }

        private void reserve(int length) {
            if (length > from.length) {
                int grown = Math.max(length, Math.addExact(from.length, from.length / 2 + 8));
                from = Arrays.copyOf(from, grown);
                to = Arrays.copyOf(to, grown);
            }
        }
    }
}
