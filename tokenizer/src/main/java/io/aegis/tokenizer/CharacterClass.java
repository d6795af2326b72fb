package io.aegis.tokenizer;

import java.util.function.IntPredicate;

/** Matches every single code point of a kind. */
record CharacterClass(IntPredicate contains) implements Matcher {
    static final Matcher NUMBER = new CharacterClass(Unicode::isNumber);
    static final Matcher PUNCTUATION = new CharacterClass(Unicode::isPunctuation);
    static final Matcher WHITE_SPACE = new CharacterClass(Unicode::isWhiteSpace);

    /** Matches {@code \\w+|[^\\w\\s]+}: words, and what stands between words and is no white space. */
    static final Matcher WORDS = text -> {
        IntList out = new IntList();
        for (int begin = 0; begin < text.length(); ) {
            int first = text.codePointAt(begin);
            int end = begin + Character.charCount(first);
            if (!Unicode.isWhiteSpace(first)) {
                while (end < text.length() && isSameKind(first, text.codePointAt(end))) {
                    end += Character.charCount(text.codePointAt(end));
                }
                out.add(begin);
                out.add(end);
            }
            begin = end;
        }
        return out.toArray();
    };

    @Override
    public int[] matches(String text) {
        IntList out = new IntList();
        for (int begin = 0; begin < text.length(); ) {
            int c = text.codePointAt(begin);
            int end = begin + Character.charCount(c);
            if (contains.test(c)) {
                out.add(begin);
                out.add(end);
            }
            begin = end;
        }
        return out.toArray();
    }

    private static boolean isSameKind(int first, int next) {
        return Unicode.isWord(first) ? Unicode.isWord(next) : !Unicode.isWord(next) && !Unicode.isWhiteSpace(next);
    }
}
