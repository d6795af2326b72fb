package io.aegis.tokenizer;

import java.util.Locale;
import java.util.Set;

/** Turns an Oniguruma pattern into one of Java's, read once from left to right. */
final class OnigurumaTranslation {
    /** Outside of a class Oniguruma takes Latin-1's superscripts and fractions for word characters as well. */
    private static final String IN_WORD = OnigurumaClass.WORD + "\\xb2\\xb3\\xb9\\xbc-\\xbe";

    /** Never matches; a look-behind that has it in it goes back by code points, where Java else goes by UTF-16 units. */
    private static final String BY_CODE_POINTS = "|(?!)\ud800\udc00";

    private static final String BOUNDARY = "(?:(?<=[" + IN_WORD + "]" + BY_CODE_POINTS + ")(?![" + IN_WORD + "])|(?<!["
            + IN_WORD + "]" + BY_CODE_POINTS + ")(?=[" + IN_WORD + "]))";

    /** Letters that Oniguruma folds together as one character, such as the sharp s. */
    private static final Set<String> FOLDED = Set.of("ss", "ff", "fi", "fl", "st");

    private static final String[] GROUPS = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"};

    /** Groups in groups; a tokenizer's pattern has a few. */
    private static final int DEEPEST = 50;

    private final OnigurumaSource in;
    private final StringBuilder out = new StringBuilder();
    private String run = "";
    private int depth;

    private OnigurumaTranslation(OnigurumaSource in) {
        this.in = in;
    }

    /**
     * Java's pattern for Oniguruma's.
     *
     * @throws IllegalArgumentException when it is wrong or not supported, with the reason
     */
    static String of(String pattern) {
        OnigurumaTranslation translation = new OnigurumaTranslation(new OnigurumaSource(pattern));
        translation.all();
        return translation.out.toString();
    }

    private void all() {
        if (in.ahead("(?i)")) {
            in.take(4);
            in.enterCaseless(true);
            out.append("(?iu)");
        }
        alternatives();
        if (!in.atEnd()) {
            throw in.refused("a closing parenthesis without an opening one");
        }
    }

    private void alternatives() {
        while (!in.atEnd() && !in.ahead(")")) {
            if (in.ahead("|")) {
                add(in.take(1));
            } else {
                quantifier(atom());
            }
        }
    }

    /** Whether a quantifier may follow. */
    private boolean atom() {
        int c = in.peek();
        switch (c) {
            case '(' -> {
                return group();
            }
            case '[' -> add(OnigurumaClass.read(in));
            case '.' -> add(in.take(1));
            case '\\' -> escape();
            case '^', '$' -> throw in.refused("a line's begin or end");
            case '*', '+', '?' -> throw in.refused("a quantifier behind nothing");
            case '{' -> throw in.refused("a brace that is no quantifier");
            default -> literal(in.character());
        }
        return true;
    }

    private boolean group() {
        int open = in.position();
        String kind = null;
        for (String k : GROUPS) {
            kind = in.ahead(k) ? k : kind;
        }
        if (kind == null && in.ahead("(?") || ++depth > DEEPEST) {
            throw in.refused("a group of this kind");
        }
        in.take(kind == null ? 1 : kind.length());
        boolean folds = "(?i:".equals(kind);
        add(kind == null ? "(?:" : folds ? "(?iu:" : kind);
        in.enterCaseless(folds);
        alternatives();
        in.leaveCaseless(folds);
        depth--;
        if (in.atEnd()) {
            in.back(open);
            throw in.refused("a parenthesis that is never closed");
        }
        in.take(1);
        add(kind != null && kind.contains("<") ? BY_CODE_POINTS + ")" : ")");
        return kind == null || !kind.contains("=") && !kind.contains("!");
    }

    private void literal(int c) {
        if (in.isCaseless()) {
            if (c >= 0x80) {
                throw in.refused("letters beyond ASCII without regard to case");
            }
            run = (run + Character.toString(c)).toLowerCase(Locale.ROOT);
            if (run.length() > 1 && FOLDED.contains(run.substring(run.length() - 2))) {
                throw in.refused("letters without regard to case that a ligature folds to");
            }
        }
        boolean dotted = in.isCaseless() && (c == 'i' || c == 'I');
        out.append(dotted ? "(?:(?!" + OnigurumaClass.TURKISH + ")i)" : OnigurumaSource.quoted(c));
    }

    private void escape() {
        int begin = in.position();
        in.take(1);
        if (in.atEnd()) {
            throw in.refused("a backslash at the end");
        }
        switch (in.take(1)) {
            case "s" -> add("[" + OnigurumaClass.SPACE + "]");
            case "S" -> add("[^" + OnigurumaClass.SPACE + "]");
            case "d" -> add("[" + OnigurumaClass.DIGIT + "]");
            case "D" -> add("[^" + OnigurumaClass.DIGIT + "]");
            case "w" -> add("[" + IN_WORD + "]");
            case "W" -> add("[^" + IN_WORD + "]");
            case "h" -> add("[" + OnigurumaClass.HEX + "]");
            case "H" -> add("[^" + OnigurumaClass.HEX + "]");
            case "p" -> add(in.property(false));
            case "P" -> add(in.property(true));
            case "A" -> add("\\A");
            case "z" -> add("\\z");
            case "b" -> add(BOUNDARY);
            default -> {
                in.back(begin);
                literal(in.character());
            }
        }
    }

    /** Adds what is no literal, which ends a run of literals. */
    private void add(String translated) {
        run = "";
        out.append(translated);
    }

    private void quantifier(boolean quantifiable) {
        if (!in.aheadOneOf("*+?{")) {
            return;
        }
        if (!quantifiable) {
            throw in.refused("a quantifier behind a look-around");
        }
        if (in.ahead("{")) {
            interval();
        } else {
            add(in.take(1));
            if (in.aheadOneOf("?+")) {
                add(in.take(1));
            }
        }
        if (in.aheadOneOf("*+?{")) {
            throw in.refused("a quantifier behind a quantifier");
        }
    }

    private void interval() {
        int open = in.position();
        in.take(1);
        String inside = in.takeToBrace();
        if (inside == null || !inside.matches("\\d{1,4}|\\d{1,4},\\d{0,4}|,\\d{1,4}")) {
            in.back(open);
            throw in.refused("a brace that is no quantifier");
        }
        add("{" + (inside.startsWith(",") ? "0" + inside : inside) + "}");
        // In Ruby's dialect {n}? means "n times or none" and {n,m}+ repeats; only a lazy {n,m}? means the same here.
        if (in.ahead("?") && inside.contains(",")) {
            add(in.take(1));
        }
    }
}
