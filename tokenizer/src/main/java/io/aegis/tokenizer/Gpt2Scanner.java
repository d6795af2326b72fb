package io.aegis.tokenizer;

/**
 * GPT-2's pre-tokens. The same as this pattern, first alternative first:
 *
 * <pre>{@code 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+}</pre>
 */
record Gpt2Scanner() implements Scanner {
    static final String GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

    private static final String[] CONTRACTIONS = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};

    @Override
    public int end(String text, int begin) {
        char first = text.charAt(begin);
        if (first == '\'') {
            for (String contraction : CONTRACTIONS) {
                if (text.startsWith(contraction, begin)) {
                    return begin + contraction.length();
                }
            }
        }
        int word = first == ' ' ? begin + 1 : begin;
        int end = Scanner.letters(text, word);
        if (end == word) {
            end = Scanner.numbers(text, word, Integer.MAX_VALUE);
        }
        if (end == word) {
            end = Scanner.symbols(text, word);
        }
        return end > word ? end : space(text, begin);
    }

    private static int space(String text, int begin) {
        int end = begin;
        while (end < text.length() && Unicode.isWhiteSpace(text.charAt(end))) {
            end++;
        }
        return Scanner.allButLast(text, begin, end);
    }
}
