package io.aegis.tokenizer;

/** Classes of code points as Unicode defines them; Java's methods of similar names mean something else here and there. */
final class Unicode {
    private Unicode() {}

    /** General category L. */
    static boolean isLetter(int c) {
        return Character.isLetter(c);
    }

    /** General category N: digits, letter-like and other numbers. */
    static boolean isNumber(int c) {
        return switch (Character.getType(c)) {
            case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> true;
            default -> false;
        };
    }

    /** General category M. */
    static boolean isMark(int c) {
        return switch (Character.getType(c)) {
            case Character.NON_SPACING_MARK, Character.COMBINING_SPACING_MARK, Character.ENCLOSING_MARK -> true;
            default -> false;
        };
    }

    /** Property White_Space; all of it lies in the basic plane. */
    static boolean isWhiteSpace(int c) {
        return switch (c) {
            case 9, 10, 11, 12, 13, ' ', 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000 -> true;
            default -> c >= 0x2000 && c <= 0x200a;
        };
    }

    /** What a word is made of (UTS 18): Alphabetic, marks, decimal digits, connector punctuation, and what joins letters. */
    static boolean isWord(int c) {
        return Character.isAlphabetic(c)
                || isMark(c)
                || Character.getType(c) == Character.DECIMAL_DIGIT_NUMBER
                || Character.getType(c) == Character.CONNECTOR_PUNCTUATION
                || c == 0x200c
                || c == 0x200d;
    }

    /** ASCII's punctuation and symbols, and general category P. */
    static boolean isPunctuation(int c) {
        if (c < 0x80) {
            return c > ' ' && c < 0x7f && !Character.isLetterOrDigit(c);
        }
        return switch (Character.getType(c)) {
            case Character.CONNECTOR_PUNCTUATION,
                    Character.DASH_PUNCTUATION,
                    Character.START_PUNCTUATION,
                    Character.END_PUNCTUATION,
                    Character.INITIAL_QUOTE_PUNCTUATION,
                    Character.FINAL_QUOTE_PUNCTUATION,
                    Character.OTHER_PUNCTUATION -> true;
            default -> false;
        };
    }

    /** The text with U+FFFD for halves of surrogate pairs, which are no characters. */
    static String wellFormed(String text) {
        int bad = firstHalf(text);
        if (bad < 0) {
            return text;
        }
        StringBuilder out = new StringBuilder(text);
        for (int i = bad; i < out.length(); i++) {
            if (Character.isSurrogate(out.charAt(i))) {
                if (i + 1 < out.length() && Character.isSurrogatePair(out.charAt(i), out.charAt(i + 1))) {
                    i++;
                } else {
                    out.setCharAt(i, Utf8Decoder.REPLACEMENT);
                }
            }
        }
        return out.toString();
    }

    /** Where the first half of a surrogate pair stands alone; -1 when none does. */
    static int firstHalf(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isSurrogate(text.charAt(i))) {
                if (i + 1 == text.length() || !Character.isSurrogatePair(text.charAt(i), text.charAt(i + 1))) {
                    return i;
                }
                i++;
            }
        }
        return -1;
    }
}
