package io.aegis.tokenizer;

/**
 * What a tokenizer puts around every text, where special tokens are wanted.
 *
 * @param before ids in front, such as BOS
 * @param after ids behind, such as EOS
 */
record Affixes(int[] before, int[] after) {
    static final Affixes NONE = new Affixes(new int[0], new int[0]);

    /** These around what others have put around the text already. */
    Affixes around(Affixes inner) {
        return new Affixes(joined(before, inner.before), joined(inner.after, after));
    }

    private static int[] joined(int[] a, int[] b) {
        IntList out = new IntList();
        out.addAll(a);
        out.addAll(b);
        return out.toArray();
    }
}
