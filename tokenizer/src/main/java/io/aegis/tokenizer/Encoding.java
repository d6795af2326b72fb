package io.aegis.tokenizer;

/**
 * Token ids and where they come from: token i covers the UTF-16 units {@code starts[i] <= at < ends[i]} of the text. Tokens
 * that share a character (its bytes, or a space that was put in front of it) cover it all; tokens that were added around
 * the text cover nothing.
 */
public record Encoding(int[] ids, int[] starts, int[] ends) {
    public Encoding {
        if (ids.length != starts.length || ids.length != ends.length) {
            throw new IllegalArgumentException(
                    ids.length + " ids with " + starts.length + " starts and " + ends.length + " ends");
        }
    }

    /** The number of tokens. */
    public int length() {
        return ids.length;
    }

    /** The first token that reaches behind a place in the text; {@link #length} when none does. */
    public int firstBehind(int at) {
        int i = 0;
        while (i < ids.length && ends[i] <= at) {
            i++;
        }
        return i;
    }
}
