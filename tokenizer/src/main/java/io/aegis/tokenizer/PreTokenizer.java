package io.aegis.tokenizer;

import java.util.ArrayList;
import java.util.List;

/** Cuts a text into pre-tokens, which no token reaches across. */
sealed interface PreTokenizer {
    /** The pre-tokens of a text, none of them empty, changed where the kind changes characters. */
    List<Text> split(Text text);

    /** One after the other, each on the pre-tokens of the one before. */
    record Sequence(List<PreTokenizer> steps) implements PreTokenizer {
        @Override
        public List<Text> split(Text text) {
            List<Text> parts = List.of(text);
            for (PreTokenizer step : steps) {
                List<Text> next = new ArrayList<>();
                for (Text part : parts) {
                    next.addAll(step.split(part));
                }
                parts = next;
            }
            return parts;
        }
    }

    /** Cuts at the matches of a pattern. */
    record Split(Matcher pattern, SplitBehavior behavior, boolean inverted) implements PreTokenizer {
        @Override
        public List<Text> split(Text text) {
            return behavior.split(text, pattern, inverted);
        }
    }

    /** Bytes as characters, after GPT-2's pattern has cut, if it should. */
    record ByteLevel(boolean addPrefixSpace, boolean cut) implements PreTokenizer {
        private static final Matcher GPT2 = new Gpt2Scanner();

        @Override
        public List<Text> split(Text text) {
            Text whole = addPrefixSpace && text.chars().charAt(0) != ' ' ? text.prepend(" ") : text;
            List<Text> parts = cut ? SplitBehavior.ISOLATED.split(whole, GPT2, false) : List.of(whole);
            return parts.stream().map(ByteAlphabet::map).toList();
        }
    }

    /** Spaces as a visible character, with one in front where the scheme says so. */
    record Metaspace(String replacement, Scheme scheme, boolean cut) implements PreTokenizer {
        /** Where a space is put in front: of each part, of the one that begins the text, or nowhere. */
        enum Scheme {
            ALWAYS,
            FIRST,
            NEVER
        }

        @Override
        public List<Text> split(Text text) {
            Text marked = Normalizer.Replace.apply(text, new Matcher.Literal(" "), replacement);
            boolean wanted = scheme == Scheme.ALWAYS || scheme == Scheme.FIRST && text.begin() == 0;
            Text whole = wanted && !marked.chars().startsWith(replacement) ? marked.prepend(replacement) : marked;
            return cut
                    ? SplitBehavior.MERGED_WITH_NEXT.split(whole, new Matcher.Literal(replacement), false)
                    : List.of(whole);
        }
    }
}
