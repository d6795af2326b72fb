package io.aegis.tokenizer;

import java.util.Set;

/** An Oniguruma pattern while it is read from left to right, and what classes and literals have in common. */
final class OnigurumaSource {
    private static final Set<String> CATEGORIES = Set.of(
            "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps",
            "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf", "Co");

    private final String in;
    private int at;
    private int caseless;

    OnigurumaSource(String in) {
        this.in = in;
    }

    /** Whether all has been read. */
    boolean atEnd() {
        return at == in.length();
    }

    /** The code point that comes next. */
    int peek() {
        return in.codePointAt(at);
    }

    /** Whether a text comes next. */
    boolean ahead(String text) {
        return in.startsWith(text, at);
    }

    /** Whether one of these characters comes next. */
    boolean aheadOneOf(String characters) {
        return at < in.length() && characters.indexOf(in.charAt(at)) >= 0;
    }

    /** Reads on by so many UTF-16 units, and gives them. */
    String take(int units) {
        at += units;
        return in.substring(at - units, at);
    }

    /** What stands before the next closing brace, read past it; null when there is no brace. */
    String takeToBrace() {
        int close = in.indexOf('}', at);
        if (close < 0) {
            return null;
        }
        String inside = in.substring(at, close);
        at = close + 1;
        return inside;
    }

    int position() {
        return at;
    }

    void back(int position) {
        at = position;
    }

    /** Whether letters match without regard to case here. */
    boolean isCaseless() {
        return caseless > 0;
    }

    void enterCaseless(boolean enters) {
        caseless += enters ? 1 : 0;
    }

    void leaveCaseless(boolean leaves) {
        caseless -= leaves ? 1 : 0;
    }

    /** One literal code point, escaped or not. */
    int character() {
        int c = in.codePointAt(at);
        at += Character.charCount(c);
        if (c != '\\') {
            return c;
        }
        if (at == in.length()) {
            throw refused("a backslash at the end");
        }
        int e = in.codePointAt(at);
        at += Character.charCount(e);
        return switch (e) {
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'f' -> '\f';
            case 'v' -> 0x0b;
            case 'a' -> 7;
            case 'e' -> 0x1b;
            case 'u' -> hexadecimal(4, 4);
            case 'x' -> braced();
            default -> {
                if (e < 0x80 && Character.isLetterOrDigit(e)) {
                    at -= 2;
                    throw refused("\\" + (char) e);
                }
                yield e;
            }
        };
    }

    private int braced() {
        if (at < in.length() && in.charAt(at) == '{') {
            at++;
            int value = hexadecimal(1, 6);
            if (at == in.length() || in.charAt(at) != '}' || !Character.isValidCodePoint(value)) {
                throw refused("a character's number");
            }
            at++;
            return value;
        }
        int value = hexadecimal(1, 2);
        if (value >= 0x80) {
            throw refused("a single byte of UTF-8");
        }
        return value;
    }

    private int hexadecimal(int least, int most) {
        int begin = at;
        while (at < in.length() && at - begin < most && Character.digit(in.charAt(at), 16) >= 0) {
            at++;
        }
        if (at - begin < least) {
            throw refused("a character's number");
        }
        return Integer.parseInt(in, begin, at, 16);
    }

    /** A property such as {@code \\p{L}}, read from behind the p. */
    String property(boolean negatedOutside) {
        int begin = at;
        String braced = ahead("{") ? takeToBrace() : null;
        if (braced == null) {
            throw refused("a property without braces");
        }
        String name = braced.substring(1);
        boolean negated = negatedOutside ^ name.startsWith("^");
        name = name.startsWith("^") ? name.substring(1) : name;
        if (isCaseless()) {
            throw refused("a property without regard to case");
        }
        if (!CATEGORIES.contains(name)) {
            at = begin;
            name = script(name);
            takeToBrace();
        }
        return (negated ? "\\P{" : "\\p{") + name + "}";
    }

    private String script(String name) {
        try {
            Character.UnicodeScript.forName(name);
        } catch (IllegalArgumentException e) {
            throw refused("the property " + name);
        }
        return "Is" + name;
    }

    /** A literal code point as Java's patterns take it anywhere. */
    static String quoted(int c) {
        boolean plain = c < 0x80 && Character.isLetterOrDigit(c);
        return plain ? Character.toString(c) : String.format("\\x{%x}", c);
    }

    /** A complaint about what stands here. */
    IllegalArgumentException refused(String what) {
        return unsupported(in, what, at);
    }

    static IllegalArgumentException unsupported(String source, String what, int at) {
        return new IllegalArgumentException("the pattern " + shortened(source) + " has, at character " + (at + 1)
                + ", something that is not supported: " + what);
    }

    private static String shortened(String pattern) {
        return pattern.length() <= 300 ? pattern : pattern.substring(0, 300) + "...";
    }
}
