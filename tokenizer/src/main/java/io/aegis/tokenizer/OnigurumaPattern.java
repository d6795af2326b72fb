package io.aegis.tokenizer;

import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression of a tokenizer.json, which is written for Oniguruma (Ruby's dialect, UTF-8), matched by {@link
 * Pattern}. It is translated construct by construct; a construct that the two could take differently is refused.
 */
final class OnigurumaPattern implements Matcher {
    /** Any code point, line breaks included. */
    private static final String ANY = "(?s:.)";

    /** White_Space; Alphabetic, marks, decimal digits, connectors; decimal digits; hexadecimal digits: for a class. */
    private static final String SPACE = "\\p{IsWhite_Space}";

    private static final String WORD = "\\p{IsAlphabetic}\\p{M}\\p{Nd}\\p{Pc}";
    /** Outside of a class Oniguruma takes Latin-1's superscripts and fractions for word characters as well. */
    private static final String IN_WORD = WORD + "\\xb2\\xb3\\xb9\\xbc-\\xbe";

    /** Never matches; a look-behind that has it in it goes back by code points, where Java else goes by UTF-16 units. */
    private static final String BY_CODE_POINTS = "|(?!)\ud800\udc00";

    private static final String BOUNDARY = "(?:(?<=[" + IN_WORD + "]" + BY_CODE_POINTS + ")(?![" + IN_WORD + "])|(?<!["
            + IN_WORD + "]" + BY_CODE_POINTS + ")(?=[" + IN_WORD + "]))";

    /** The dotted I and the dotless i, which Java folds to i and Oniguruma does not. */
    private static final String TURKISH = "(?-iu:[\\x{130}\\x{131}])";

    private static final String DIGIT = "\\p{Nd}";
    private static final String HEX = "0-9a-fA-F";

    private static final Set<String> CATEGORIES = Set.of(
            "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps",
            "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf", "Co");

    /** Letters that Oniguruma folds together as one character, such as the sharp s. */
    private static final Set<String> FOLDED = Set.of("ss", "ff", "fi", "fl", "st");

    private final String source;
    private final Pattern compiled;

    /**
     * Translates a pattern.
     *
     * @throws IllegalArgumentException when it is wrong or not supported, with the reason
     */
    OnigurumaPattern(String source) {
        this.source = source;
        try {
            compiled = Pattern.compile(new Translation(source).all(), Pattern.UNIX_LINES);
        } catch (PatternSyntaxException e) {
            throw unsupported(source, e.getDescription(), Math.max(0, e.getIndex()));
        }
        if (compiled.matcher("").find() || compiled.matcher("a").results().anyMatch(m -> m.start() == m.end())) {
            throw new IllegalArgumentException(
                    "the pattern " + source + " can match nothing at all, which cuts nowhere");
        }
    }

    @Override
    public int[] matches(String text) {
        IntList out = new IntList();
        java.util.regex.Matcher m = compiled.matcher(text);
        try {
            while (m.find()) {
                if (m.end() > m.start()) {
                    out.add(m.start());
                    out.add(m.end());
                }
            }
        } catch (StackOverflowError e) {
            throw new TokenizerException(
                    "a text of " + text.length() + " characters is too long for the pattern " + source, e);
        }
        return out.toArray();
    }

    private static IllegalArgumentException unsupported(String source, String what, int at) {
        return new IllegalArgumentException("the pattern " + source + " has, at character " + (at + 1)
                + ", something that is not supported: " + what);
    }

    /** Reads the pattern once, from left to right. */
    private static final class Translation {
        private final String in;
        private final StringBuilder out = new StringBuilder();
        private int at;
        private int caseless;
        private String run = "";

        Translation(String in) {
            this.in = in;
        }

        String all() {
            if (in.startsWith("(?i)")) {
                at = 4;
                caseless++;
                out.append("(?iu)");
            }
            alternatives();
            if (at < in.length()) {
                throw refused("a closing parenthesis without an opening one");
            }
            return out.toString();
        }

        private void alternatives() {
            while (at < in.length() && in.charAt(at) != ')') {
                int c = in.codePointAt(at);
                if (c == '|') {
                    at++;
                    run = "";
                    out.append('|');
                } else {
                    boolean quantifiable = atom(c);
                    quantifier(quantifiable);
                }
            }
        }

        /** Whether a quantifier may follow. */
        private boolean atom(int c) {
            switch (c) {
                case '(' -> {
                    return group();
                }
                case '[' -> {
                    run = "";
                    out.append(classAsAtom());
                }
                case '.' -> {
                    at++;
                    run = "";
                    out.append('.');
                }
                case '\\' -> escape();
                case '^', '$' -> throw refused("a line's begin or end");
                case '*', '+', '?' -> throw refused("a quantifier behind nothing");
                case '{' -> throw refused("a brace that is no quantifier");
                default -> {
                    at += Character.charCount(c);
                    literal(c);
                }
            }
            return true;
        }

        private boolean group() {
            int open = at;
            String[] kinds = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"};
            String kind = null;
            for (String k : kinds) {
                kind = in.startsWith(k, at) ? k : kind;
            }
            if (kind == null && in.startsWith("(?", at)) {
                throw refused("a group of this kind");
            }
            at += kind == null ? 1 : kind.length();
            boolean folds = "(?i:".equals(kind);
            out.append(kind == null ? "(?:" : folds ? "(?iu:" : kind);
            caseless += folds ? 1 : 0;
            run = "";
            alternatives();
            caseless -= folds ? 1 : 0;
            run = "";
            if (at == in.length()) {
                at = open;
                throw refused("a parenthesis that is never closed");
            }
            at++;
            out.append(kind != null && kind.contains("<") ? BY_CODE_POINTS + ")" : ")");
            return !(kind != null && (kind.contains("=") || kind.contains("!")));
        }

        private void literal(int c) {
            if (caseless > 0) {
                if (c >= 0x80) {
                    throw refused("letters beyond ASCII without regard to case");
                }
                run = (run + Character.toString(c)).toLowerCase(Locale.ROOT);
                if (run.length() > 1 && FOLDED.contains(run.substring(run.length() - 2))) {
                    throw refused("letters without regard to case that a ligature folds to");
                }
            }
            boolean dotted = caseless > 0 && (c == 'i' || c == 'I');
            out.append(dotted ? "(?:(?!" + TURKISH + ")i)" : quoted(c));
        }

        private void escape() {
            int begin = at++;
            if (at == in.length()) {
                throw refused("a backslash at the end");
            }
            char c = in.charAt(at++);
            switch (c) {
                case 's' -> add("[" + SPACE + "]");
                case 'S' -> add("[^" + SPACE + "]");
                case 'd' -> add("[" + DIGIT + "]");
                case 'D' -> add("[^" + DIGIT + "]");
                case 'w' -> add("[" + IN_WORD + "]");
                case 'W' -> add("[^" + IN_WORD + "]");
                case 'h' -> add("[" + HEX + "]");
                case 'H' -> add("[^" + HEX + "]");
                case 'p', 'P' -> add(property(c == 'P'));
                case 'A' -> add("\\A");
                case 'z' -> add("\\z");
                case 'b' -> add(BOUNDARY);
                default -> {
                    at = begin;
                    literal(character());
                }
            }
        }

        private void add(String translated) {
            run = "";
            out.append(translated);
        }

        /** One literal code point, escaped or not. */
        private int character() {
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

        private String property(boolean negatedOutside) {
            int close = in.indexOf('}', at);
            if (at == in.length() || in.charAt(at) != '{' || close < 0) {
                throw refused("a property without braces");
            }
            String name = in.substring(at + 1, close);
            boolean negated = negatedOutside ^ name.startsWith("^");
            name = name.startsWith("^") ? name.substring(1) : name;
            if (caseless > 0) {
                throw refused("a property without regard to case");
            }
            String translated = CATEGORIES.contains(name) ? name : script(name);
            at = close + 1;
            return (negated ? "\\P{" : "\\p{") + translated + "}";
        }

        private String script(String name) {
            try {
                Character.UnicodeScript.forName(name);
            } catch (IllegalArgumentException e) {
                throw refused("the property " + name);
            }
            return "Is" + name;
        }

        /** A class in brackets as something that matches one code point. */
        private String classAsAtom() {
            int open = at;
            boolean negated = in.startsWith("[^", at);
            at += negated ? 2 : 1;
            String members = members(open, negated);
            if (caseless > 0) {
                return negated
                        ? "(?:" + TURKISH + "|(?![" + members + "])" + ANY + ")"
                        : "(?:(?!" + TURKISH + ")[" + members + "])";
            }
            return negated ? "(?:(?![" + members + "])" + ANY + ")" : "[" + members + "]";
        }

        /** The members of a class up to its bracket; classes in it that are not negated become part of it. */
        private String members(int open, boolean insideNegated) {
            StringBuilder members = new StringBuilder();
            boolean first = true;
            while (at < in.length() && (in.charAt(at) != ']' || first)) {
                first = false;
                if (in.startsWith("&&", at) || in.startsWith("[:", at) || in.charAt(at) == ']') {
                    throw refused("this in a class");
                }
                if (in.charAt(at) == '[') {
                    int inner = at;
                    if (in.startsWith("[^", at)) {
                        throw refused("a negated class in a class");
                    }
                    at++;
                    members.append(members(inner, insideNegated));
                } else {
                    member(members);
                }
            }
            if (at == in.length()) {
                at = open;
                throw refused("a bracket that is never closed");
            }
            at++;
            return members.toString();
        }

        private void member(StringBuilder members) {
            if (in.charAt(at) == '\\' && at + 1 < in.length()) {
                char c = in.charAt(at + 1);
                String set =
                        switch (c) {
                            case 's' -> SPACE;
                            case 'S' -> "\\P{IsWhite_Space}";
                            case 'd' -> DIGIT;
                            case 'D' -> "\\P{Nd}";
                            case 'w' -> WORD;
                            case 'h' -> HEX;
                            case 'W', 'H', 'b', 'B', 'R', 'X' -> throw refused("\\" + c + " in a class");
                            default -> null;
                        };
                if (set != null) {
                    if (caseless > 0 && "SDw".indexOf(c) >= 0) {
                        throw refused("\\" + c + " in a class without regard to case");
                    }
                    at += 2;
                    members.append(set);
                    return;
                }
                if (c == 'p' || c == 'P') {
                    at += 2;
                    members.append(property(c == 'P'));
                    return;
                }
            }
            int low = character();
            if (caseless > 0 && low >= 0x80) {
                throw refused("letters beyond ASCII without regard to case");
            }
            members.append(quoted(low));
            if (at + 1 < in.length() && in.charAt(at) == '-' && in.charAt(at + 1) != ']') {
                at++;
                if (in.charAt(at) == '[' || in.startsWith("\\p", at) || in.startsWith("\\s", at)) {
                    throw refused("a range that ends in a class");
                }
                int high = character();
                if (high < low || caseless > 0 && high >= 0x80) {
                    throw refused("this range");
                }
                members.append('-').append(quoted(high));
            }
        }

        private void quantifier(boolean quantifiable) {
            if (at == in.length() || "*+?{".indexOf(in.charAt(at)) < 0) {
                return;
            }
            if (!quantifiable) {
                throw refused("a quantifier behind a look-around");
            }
            run = "";
            if (in.charAt(at) == '{') {
                interval();
            } else {
                out.append(in.charAt(at++));
                if (at < in.length() && (in.charAt(at) == '?' || in.charAt(at) == '+')) {
                    out.append(in.charAt(at++));
                }
            }
            if (at < in.length() && "*+?{".indexOf(in.charAt(at)) >= 0) {
                throw refused("a quantifier behind a quantifier");
            }
        }

        private void interval() {
            int close = in.indexOf('}', at);
            String inside = close < 0 ? "" : in.substring(at + 1, close);
            if (!inside.matches("\\d{1,4}|\\d{1,4},\\d{0,4}|,\\d{1,4}")) {
                throw refused("a brace that is no quantifier");
            }
            out.append('{')
                    .append(inside.startsWith(",") ? "0" + inside : inside)
                    .append('}');
            at = close + 1;
            // In Ruby's dialect {n}? means "n times or none" and {n,m}+ repeats; only a lazy {n,m}? means the same
            // here.
            if (at < in.length() && in.charAt(at) == '?' && inside.contains(",")) {
                at++;
                out.append('?');
            }
        }

        private static String quoted(int c) {
            boolean plain = c < 0x80 && Character.isLetterOrDigit(c);
            return plain ? Character.toString(c) : String.format("\\x{%x}", c);
        }

        private IllegalArgumentException refused(String what) {
            return unsupported(in, what, at);
        }
    }
}
