package io.aegis.tokenizer;

/** Finds what a pattern matches, from left to right, without overlaps. Matches are never empty. */
interface Matcher {
    /** Begin and end of each match, in UTF-16 units, one after the other. */
    int[] matches(String text);

    /** Exact occurrences of some characters. */
    record Literal(String characters) implements Matcher {
        public Literal {
            if (characters.isEmpty()) {
                throw new IllegalArgumentException("a pattern without characters matches nothing");
            }
        }

        @Override
        public int[] matches(String text) {
            IntList out = new IntList();
            int length = characters.length();
            for (int at = text.indexOf(characters); at >= 0; at = text.indexOf(characters, at + length)) {
                out.add(at);
                out.add(at + length);
            }
            return out.toArray();
        }
    }
}
