package io.aegis.tokenizer;

/** A pattern written out by hand, whose matches leave nothing between them. Works on code points, in linear time. */
sealed interface Scanner extends Matcher permits LlamaScanner, Gpt2Scanner {
    /** Where the match that begins here ends; always further on. */
    int end(String text, int begin);

    @Override
    default int[] matches(String text) {
        IntList out = new IntList();
        for (int begin = 0; begin < text.length(); ) {
            int end = end(text, begin);
            out.add(begin);
            out.add(end);
            begin = end;
        }
        return out.toArray();
    }

    /** The end of the letters that begin here. */
    static int letters(String text, int begin) {
        int end = begin;
        while (end < text.length()) {
            int c = text.codePointAt(end);
            if (!Unicode.isLetter(c)) {
                break;
            }
            end += Character.charCount(c);
        }
        return end;
    }

    /** The end of the numbers that begin here, so many at most. */
    static int numbers(String text, int begin, int most) {
        int end = begin;
        for (int n = 0; n < most && end < text.length(); n++) {
            int c = text.codePointAt(end);
            if (!Unicode.isNumber(c)) {
                break;
            }
            end += Character.charCount(c);
        }
        return end;
    }

    /** The end of what is neither white space nor letter nor number and begins here. */
    static int symbols(String text, int begin) {
        int end = begin;
        while (end < text.length()) {
            int c = text.codePointAt(end);
            if (Unicode.isWhiteSpace(c) || Unicode.isLetter(c) || Unicode.isNumber(c)) {
                break;
            }
            end += Character.charCount(c);
        }
        return end;
    }

    /** Of a run of white space: all at the end of the text, else all but the last, but at least one. */
    static int allButLast(String text, int begin, int end) {
        return end == text.length() || end == begin + 1 ? end : end - 1;
    }
}
