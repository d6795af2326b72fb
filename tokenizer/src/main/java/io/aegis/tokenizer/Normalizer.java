package io.aegis.tokenizer;

import java.text.Normalizer.Form;
import java.util.List;
import java.util.Locale;

/** Changes a text before it is cut. */
sealed interface Normalizer {
    /** The changed text; may be empty. */
    Text apply(Text text);

    /** One after the other. */
    record Sequence(List<Normalizer> steps) implements Normalizer {
        @Override
        public Text apply(Text text) {
            Text out = text;
            for (Normalizer step : steps) {
                out = step.apply(out);
            }
            return out;
        }
    }

    /** Puts characters in front of a text that is not empty. */
    record Prepend(String characters) implements Normalizer {
        @Override
        public Text apply(Text text) {
            return text.isEmpty() ? text : text.prepend(characters);
        }
    }

    /** Puts something else where a pattern matches. */
    record Replace(Matcher pattern, String content) implements Normalizer {
        @Override
        public Text apply(Text text) {
            return apply(text, pattern, content);
        }

        static Text apply(Text text, Matcher pattern, String content) {
            int[] matches = pattern.matches(text.chars());
            if (matches.length == 0) {
                return text;
            }
            Text.Builder out = new Text.Builder(text.length());
            int at = 0;
            for (int i = 0; i < matches.length; i += 2) {
                out.add(text, at, matches[i]);
                at = matches[i + 1];
                out.add(content, text.from()[matches[i]], text.to()[at - 1]);
            }
            out.add(text, at, text.length());
            return out.build();
        }
    }

    /** Lower case, code point by code point, wherever it stands in a word. */
    record Lowercase() implements Normalizer {
        @Override
        public Text apply(Text text) {
            Text.Builder out = new Text.Builder(text.length());
            for (int i = 0; i < text.length(); ) {
                int c = text.chars().codePointAt(i);
                int last = i + Character.charCount(c) - 1;
                out.add(Character.toString(c).toLowerCase(Locale.ROOT), text.from()[i], text.to()[last]);
                i = last + 1;
            }
            return out.build();
        }
    }

    /** Removes white space at the ends. */
    record Strip(boolean left, boolean right) implements Normalizer {
        @Override
        public Text apply(Text text) {
            int begin = 0;
            int end = text.length();
            while (left && begin < end && Unicode.isWhiteSpace(text.chars().charAt(begin))) {
                begin++;
            }
            while (right && begin < end && Unicode.isWhiteSpace(text.chars().charAt(end - 1))) {
                end--;
            }
            return text.slice(begin, end);
        }
    }

    /** Runs of spaces as one space, and none at the ends (SentencePiece's remove_extra_whitespaces). */
    record CollapseSpaces() implements Normalizer {
        @Override
        public Text apply(Text text) {
            Text.Builder out = new Text.Builder(text.length());
            boolean pending = false;
            boolean any = false;
            for (int i = 0; i < text.length(); i++) {
                if (text.chars().charAt(i) == ' ') {
                    pending = any;
                } else {
                    int begin = pending ? i - 1 : i;
                    out.add(text, begin, i + 1);
                    pending = false;
                    any = true;
                }
            }
            return out.build();
        }
    }

    /** A normal form of Unicode. Where it changes something, all characters from one of ASCII to the next share a place. */
    record Unicoded(Form form) implements Normalizer {
        @Override
        public Text apply(Text text) {
            if (java.text.Normalizer.isNormalized(text.chars(), form)) {
                return text;
            }
            Text.Builder out = new Text.Builder(text.length());
            for (int begin = 0; begin < text.length(); ) {
                int end = begin + 1;
                // Nothing composes with an ASCII character behind it, in no form: what lies between is normalised
                // alone.
                while (end < text.length() && text.chars().charAt(end) >= 0x80) {
                    end++;
                }
                String part = text.chars().substring(begin, end);
                String normal = java.text.Normalizer.normalize(part, form);
                if (normal.equals(part)) {
                    out.add(text, begin, end);
                } else {
                    out.add(normal, text.from()[begin], text.to()[end - 1]);
                }
                begin = end;
            }
            return out.build();
        }
    }
}
