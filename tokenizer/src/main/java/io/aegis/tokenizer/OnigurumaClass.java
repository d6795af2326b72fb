package io.aegis.tokenizer;

/** A character class in brackets, translated for Java. */
final class OnigurumaClass {
    /** White_Space; Alphabetic, marks, decimal digits, connectors; decimal digits; hexadecimal digits: for a class. */
    static final String SPACE = "\\p{IsWhite_Space}";

    static final String WORD = "\\p{IsAlphabetic}\\p{M}\\p{Nd}\\p{Pc}";
    static final String DIGIT = "\\p{Nd}";
    static final String HEX = "0-9a-fA-F";

    /** The dotted I and the dotless i, which Java folds to i and Oniguruma does not. */
    static final String TURKISH = "(?-iu:[\\x{130}\\x{131}])";

    /** Any code point, line breaks included. */
    private static final String ANY = "(?s:.)";

    /** Classes in classes in classes; no tokenizer goes further than one. */
    private static final int DEEPEST = 10;

    private final OnigurumaSource in;
    private final StringBuilder members = new StringBuilder();

    private OnigurumaClass(OnigurumaSource in) {
        this.in = in;
    }

    /** Reads a class; something that matches one code point. */
    static String read(OnigurumaSource in) {
        int open = in.position();
        boolean negated = in.ahead("[^");
        in.take(negated ? 2 : 1);
        OnigurumaClass out = new OnigurumaClass(in);
        out.readMembers(open, 0);
        String members = out.members.toString();
        if (in.isCaseless()) {
            return negated
                    ? "(?:" + TURKISH + "|(?![" + members + "])" + ANY + ")"
                    : "(?:(?!" + TURKISH + ")[" + members + "])";
        }
        return negated ? "(?:(?![" + members + "])" + ANY + ")" : "[" + members + "]";
    }

    /** The members up to the bracket; classes in it that are not negated become part of it. */
    private void readMembers(int open, int depth) {
        boolean first = true;
        while (!in.atEnd() && (first || !in.ahead("]"))) {
            first = false;
            if (in.ahead("&&") || in.ahead("[:") || in.ahead("]") || depth > DEEPEST) {
                throw in.refused("this in a class");
            }
            if (in.ahead("[^")) {
                throw in.refused("a negated class in a class");
            }
            if (in.ahead("[")) {
                int inner = in.position();
                in.take(1);
                readMembers(inner, depth + 1);
            } else {
                readMember();
            }
        }
        if (in.atEnd()) {
            in.back(open);
            throw in.refused("a bracket that is never closed");
        }
        in.take(1);
    }

    private void readMember() {
        if (in.ahead("\\p") || in.ahead("\\P")) {
            members.append(in.property(in.take(2).equals("\\P")));
            return;
        }
        String set = set();
        if (set != null) {
            if (in.isCaseless() && (in.ahead("\\S") || in.ahead("\\D") || in.ahead("\\w"))) {
                throw in.refused("this in a class without regard to case");
            }
            in.take(2);
            members.append(set);
            return;
        }
        int low = in.character();
        if (in.isCaseless() && low >= 0x80) {
            throw in.refused("letters beyond ASCII without regard to case");
        }
        members.append(OnigurumaSource.quoted(low));
        if (in.ahead("-") && !in.ahead("-]")) {
            in.take(1);
            readRangeEnd(low);
        }
    }

    /** The set that an escape stands for, null when it is none. */
    private String set() {
        for (String other : new String[] {"\\W", "\\H", "\\b", "\\B", "\\R", "\\X"}) {
            if (in.ahead(other)) {
                throw in.refused(other + " in a class");
            }
        }
        if (in.ahead("\\s") || in.ahead("\\S")) {
            return in.ahead("\\s") ? SPACE : "\\P{IsWhite_Space}";
        }
        if (in.ahead("\\d") || in.ahead("\\D")) {
            return in.ahead("\\d") ? DIGIT : "\\P{Nd}";
        }
        return in.ahead("\\w") ? WORD : in.ahead("\\h") ? HEX : null;
    }

    private void readRangeEnd(int low) {
        if (in.atEnd() || in.ahead("[") || in.ahead("\\p") || in.ahead("\\s")) {
            throw in.refused("a range that does not end in a character");
        }
        int high = in.character();
        if (high < low || in.isCaseless() && high >= 0x80) {
            throw in.refused("this range");
        }
        members.append('-').append(OnigurumaSource.quoted(high));
    }
}
