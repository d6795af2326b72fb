package io.aegis.training.report;

/** Text into HTML and XML. */
final class Escape {
    private Escape() {}

    /**
     * The text with markup characters as references; fit for element content and quoted attributes. What XML 1.0 cannot
     * hold (control characters, lone surrogates, noncharacters) becomes U+FFFD.
     */
    static String text(String text) {
        StringBuilder out = new StringBuilder(text.length() + 16);
        text.codePoints().forEach(c -> {
            switch (c) {
                case '&' -> out.append("&amp;");
                case '<' -> out.append("&lt;");
                case '>' -> out.append("&gt;");
                case '"' -> out.append("&quot;");
                case '\'' -> out.append("&#39;");
                default -> out.appendCodePoint(allowed(c) ? c : 0xFFFD);
            }
        });
        return out.toString();
    }

    private static boolean allowed(int c) {
        boolean control = c < ' ' && c != '\t' && c != '\n' && c != '\r' || c >= 0x7F && c < 0xA0;
        boolean surrogate = c >= 0xD800 && c <= 0xDFFF;
        return !control && !surrogate && (c & 0xFFFE) != 0xFFFE;
    }
}
