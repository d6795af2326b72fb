package io.aegis.tokenizer;

/**
 * UTF-8 byte by byte, holding back an unfinished character. Each longest run of bytes that could begin a character but
 * does not become one gives one U+FFFD (Unicode, section 3.9, "maximal subparts"); Java's own decoder counts the bytes of
 * surrogates differently.
 */
final class Utf8Decoder {
    static final char REPLACEMENT = '\ufffd';

    private int needed;
    private int value;
    private int low = 0x80;
    private int high = 0xbf;

    void accept(int b, StringBuilder out) {
        if (needed > 0) {
            if (b >= low && b <= high) {
                low = 0x80;
                high = 0xbf;
                value = value << 6 | b & 0x3f;
                if (--needed == 0) {
                    out.appendCodePoint(value);
                }
                return;
            }
            finish(out);
        }
        begin(b, out);
    }

    /** What is unfinished becomes U+FFFD. */
    void finish(StringBuilder out) {
        if (needed > 0) {
            out.append(REPLACEMENT);
            needed = 0;
            low = 0x80;
            high = 0xbf;
        }
    }

    private void begin(int b, StringBuilder out) {
        if (b < 0x80) {
            out.append((char) b);
        } else if (b >= 0xc2 && b <= 0xdf) {
            needed = 1;
            value = b & 0x1f;
        } else if (b >= 0xe0 && b <= 0xef) {
            needed = 2;
            value = b & 0x0f;
            low = b == 0xe0 ? 0xa0 : 0x80;
            high = b == 0xed ? 0x9f : 0xbf;
        } else if (b >= 0xf0 && b <= 0xf4) {
            needed = 3;
            value = b & 0x07;
            low = b == 0xf0 ? 0x90 : 0x80;
            high = b == 0xf4 ? 0x8f : 0xbf;
        } else {
            out.append(REPLACEMENT);
        }
    }
}
