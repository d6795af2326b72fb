package io.aegis.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.function.ToIntFunction;

/** Tokens {@code <0x00>} to {@code <0xFF>}, each a byte of UTF-8, for characters that have no token. */
final class ByteFallback {
    private ByteFallback() {}

    /** The id of each byte's token, -1 where there is none. */
    static int[] ids(ToIntFunction<String> idOf) {
        int[] ids = new int[256];
        for (int b = 0; b < 256; b++) {
            ids[b] = idOf.applyAsInt(String.format("<0x%02X>", b));
        }
        return ids;
    }

    /** The ids of a text's bytes; null when one of them has none. */
    static int[] idsOf(String text, int[] byteIds) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int[] ids = new int[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            ids[i] = byteIds[bytes[i] & 0xff];
            if (ids[i] < 0) {
                return null;
            }
        }
        return ids;
    }

    /** The byte of such a token; -1 when it is another. Digits of either case, and a sign in their place, count. */
    static int toByte(String token) {
        if (token.length() != 6 || !token.startsWith("<0x") || token.charAt(5) != '>') {
            return -1;
        }
        int high = hex(token.charAt(3));
        int low = hex(token.charAt(4));
        return low < 0 ? -1 : token.charAt(3) == '+' ? low : high < 0 ? -1 : high << 4 | low;
    }

    private static int hex(char c) {
        return c < 0x80 ? Character.digit(c, 16) : -1;
    }
}
