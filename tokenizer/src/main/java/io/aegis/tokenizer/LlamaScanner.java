package io.aegis.tokenizer;

/**
 * Llama 3's pre-tokens, and those of its relatives that take another number of digits at once. The same as this pattern,
 * first alternative first:
 *
 * <pre>{@code
 * (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 * }</pre>
 *
 * @param digits the most numbers in one pre-token
 */
record LlamaScanner(int digits) implements Scanner {
    private static final String BEFORE_NUMBERS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|";
    private static final String BEHIND_NUMBERS = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    /** The pattern of Llama 3: up to three numbers. */
    static final String LLAMA3 = BEFORE_NUMBERS + "\\p{N}{1,3}" + BEHIND_NUMBERS;

    /** The pattern of Qwen 2: one number. */
    static final String QWEN2 = BEFORE_NUMBERS + "\\p{N}" + BEHIND_NUMBERS;

    @Override
    public int end(String text, int begin) {
        int contraction = contraction(text, begin);
        if (contraction > begin) {
            return contraction;
        }
        int first = text.codePointAt(begin);
        int second = begin + Character.charCount(first);
        if (Unicode.isLetter(first)) {
            return Scanner.letters(text, second);
        }
        if (Unicode.isNumber(first)) {
            return Scanner.numbers(text, begin, digits);
        }
        if (first != '\r' && first != '\n') {
            int word = Scanner.letters(text, second);
            if (word > second) {
                return word;
            }
        }
        int symbols = first == ' ' ? second : begin;
        int end = Scanner.symbols(text, symbols);
        return end > symbols ? newlines(text, end) : space(text, begin);
    }

    /** Begin is white space: a run up to its last line break, else all but the last, which goes with the next word. */
    private static int space(String text, int begin) {
        int end = begin;
        int behindBreak = begin;
        while (end < text.length() && Unicode.isWhiteSpace(text.charAt(end))) {
            char c = text.charAt(end++);
            if (c == '\r' || c == '\n') {
                behindBreak = end;
            }
        }
        return behindBreak > begin ? behindBreak : Scanner.allButLast(text, begin, end);
    }

    private static int newlines(String text, int begin) {
        int end = begin;
        while (end < text.length() && (text.charAt(end) == '\r' || text.charAt(end) == '\n')) {
            end++;
        }
        return end;
    }

    private static int contraction(String text, int begin) {
        if (text.charAt(begin) != '\'' || begin + 1 == text.length()) {
            return begin;
        }
        char second = lower(text.charAt(begin + 1));
        if (second == 's' || second == 't' || second == 'm' || second == 'd') {
            return begin + 2;
        }
        if (begin + 2 == text.length()) {
            return begin;
        }
        char third = lower(text.charAt(begin + 2));
        boolean two = second == 'r' && third == 'e' || second == 'v' && third == 'e' || second == 'l' && third == 'l';
        return two ? begin + 3 : begin;
    }

    /** Unicode folds the long s to s as well; no other letter beyond ASCII folds to one of these. */
    private static char lower(char c) {
        return c == 'ſ' ? 's' : c >= 'A' && c <= 'Z' ? (char) (c + 32) : c;
    }
}
