package io.aegis.tokenizer;

import java.util.Arrays;

/**
 * Bytes as visible characters (GPT-2): 33 to 126, 161 to 172 and 174 to 255 stand for themselves, the other 68, in order,
 * for U+0100 and following.
 */
final class ByteAlphabet {
    private static final char[] CHAR = new char[256];
    private static final short[] BYTE = new short[256 + 68];

    static {
        Arrays.fill(BYTE, (short) -1);
        char next = 256;
        for (int b = 0; b < 256; b++) {
            boolean visible = b >= 33 && b <= 126 || b >= 161 && b <= 172 || b >= 174;
            CHAR[b] = visible ? (char) b : next++;
            BYTE[CHAR[b]] = (short) b;
        }
    }

    private ByteAlphabet() {}

    /** The character of a byte, 0 to 255. */
    static char of(int b) {
        return CHAR[b];
    }

    /** The byte of a character; -1 when it is none's. */
    static int toByte(char c) {
        return c < BYTE.length ? BYTE[c] : -1;
    }

    /** Bytes as text. */
    static String of(byte[] bytes) {
        StringBuilder out = new StringBuilder(bytes.length);
        for (byte b : bytes) {
            out.append(CHAR[b & 0xff]);
        }
        return out.toString();
    }

    /** Each byte of the text's UTF-8 as a character that stands for the same place as the character it is of. */
    static Text map(Text text) {
        Text.Builder out = new Text.Builder(text.length() + text.length() / 4);
        String chars = text.chars();
        for (int i = 0; i < chars.length(); ) {
            int c = chars.codePointAt(i);
            int begin = text.from()[i];
            int end = text.to()[i + Character.charCount(c) - 1];
            if (c < 0x80) {
                out.add(CHAR[c], begin, end);
            } else if (c < 0x800) {
                out.add(CHAR[0xc0 | c >> 6], begin, end);
                out.add(CHAR[0x80 | c & 0x3f], begin, end);
            } else if (c < 0x10000) {
                out.add(CHAR[0xe0 | c >> 12], begin, end);
                out.add(CHAR[0x80 | c >> 6 & 0x3f], begin, end);
                out.add(CHAR[0x80 | c & 0x3f], begin, end);
            } else {
                out.add(CHAR[0xf0 | c >> 18], begin, end);
                out.add(CHAR[0x80 | c >> 12 & 0x3f], begin, end);
                out.add(CHAR[0x80 | c >> 6 & 0x3f], begin, end);
                out.add(CHAR[0x80 | c & 0x3f], begin, end);
            }
            i += Character.charCount(c);
        }
        return out.build();
    }
}
