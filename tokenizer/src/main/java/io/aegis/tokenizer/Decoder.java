package io.aegis.tokenizer;

import java.util.ArrayList;
import java.util.List;

/** Makes text of tokens. A description of the way; {@link #begin} starts on it with the first token of a sequence. */
sealed interface Decoder {
    /** A stage in front of another one. */
    DecoderStage begin(DecoderStage next);

    /** Whether what it hands on is one token, in pieces. */
    default boolean joins() {
        return false;
    }

    /** Whether it does the same to a token that comes in pieces as to the whole. */
    default boolean takesPieces() {
        return false;
    }

    /** One after the other. */
    record Sequence(List<Decoder> steps) implements Decoder {
        @Override
        public DecoderStage begin(DecoderStage next) {
            List<Decoder> chain = new ArrayList<>();
            boolean joined = false;
            for (Decoder step : steps) {
                if (joined && !step.takesPieces()) {
                    chain.add(new Collect());
                }
                chain.add(joined && step instanceof Strip s ? new StripWhole(s) : step);
                joined |= step.joins();
            }
            DecoderStage stage = next;
            for (Decoder step : chain.reversed()) {
                stage = step.begin(stage);
            }
            return stage;
        }

        @Override
        public boolean joins() {
            return steps.stream().anyMatch(Decoder::joins);
        }
    }

    /** Bytes that are written as characters; all tokens become one text. A token with other characters is itself. */
    record ByteLevel() implements Decoder {
        @Override
        public DecoderStage begin(DecoderStage next) {
            return new ByteLevelStage(next);
        }

        @Override
        public boolean joins() {
            return true;
        }
    }

    /** Runs of tokens such as {@code <0x0A>} are UTF-8, or as many U+FFFD. */
    record Bytes() implements Decoder {
        @Override
        public DecoderStage begin(DecoderStage next) {
            return new ByteFallbackStage(next);
        }
    }

    /** Joins all tokens to one. */
    record Fuse() implements Decoder {
        @Override
        public DecoderStage begin(DecoderStage next) {
            return next;
        }

        @Override
        public boolean joins() {
            return true;
        }

        @Override
        public boolean takesPieces() {
            return true;
        }
    }

    /** Puts something else where a pattern matches. */
    record Replace(Matcher pattern, String content) implements Decoder {
        @Override
        public DecoderStage begin(DecoderStage next) {
            return each(next, (token, _) -> Normalizer.Replace.apply(Text.of(token), pattern, content)
                    .chars());
        }

        @Override
        public boolean takesPieces() {
            return pattern instanceof Matcher.Literal l && l.characters().length() == 1;
        }
    }

    /** A visible character for spaces; none in the first token, where one was put in front. */
    record Metaspace(String replacement, boolean dropsFirst) implements Decoder {
        @Override
        public DecoderStage begin(DecoderStage next) {
            return each(next, (token, i) -> token.replace(replacement, i == 0 && dropsFirst ? "" : " "));
        }
    }

    /** Removes a character at the ends of tokens, so many times at most. */
    record Strip(char content, int start, int stop) implements Decoder {
        @Override
        public DecoderStage begin(DecoderStage next) {
            return each(next, (token, _) -> strip(token));
        }

        @Override
        public boolean takesPieces() {
            return true;
        }

        private String strip(String token) {
            int begin = 0;
            int end = token.length();
            while (begin < Math.min(start, token.length()) && token.charAt(begin) == content) {
                begin++;
            }
            while (end > Math.max(begin, token.length() - stop) && token.charAt(end - 1) == content) {
                end--;
            }
            return token.substring(begin, end);
        }
    }

    /** {@link Strip} of one token that comes in pieces. */
    record StripWhole(Strip strip) implements Decoder {
        @Override
        public DecoderStage begin(DecoderStage next) {
            return new StripStage(strip, next);
        }
    }

    /** A suffix that ends words becomes a space, at the end of the text nothing. */
    record EndOfWord(String suffix) implements Decoder {
        @Override
        public DecoderStage begin(DecoderStage next) {
            return new DecoderStage() {
                private String last;

                @Override
                public void accept(String token) {
                    if (last != null) {
                        next.accept(last.replace(suffix, " "));
                    }
                    last = token;
                }

                @Override
                public void finish() {
                    if (last != null) {
                        next.accept(last.replace(suffix, ""));
                    }
                    next.finish();
                }
            };
        }
    }

    /** Tokens as they are, with spaces between: what a tokenizer without a decoder gives. */
    record Spaces() implements Decoder {
        @Override
        public DecoderStage begin(DecoderStage next) {
            return each(next, (token, i) -> i == 0 ? token : " " + token);
        }
    }

    /** Waits for all pieces of one token. */
    record Collect() implements Decoder {
        @Override
        public DecoderStage begin(DecoderStage next) {
            StringBuilder all = new StringBuilder();
            return new DecoderStage() {
                @Override
                public void accept(String token) {
                    all.append(token);
                }

                @Override
                public void finish() {
                    next.accept(all.toString());
                    next.finish();
                }
            };
        }
    }

    /** What becomes of a token at a place in the sequence. */
    interface Change {
        String of(String token, int index);
    }

    private static DecoderStage each(DecoderStage next, Change change) {
        return new DecoderStage() {
            private int index;

            @Override
            public void accept(String token) {
                next.accept(change.of(token, index));
                index = 1;
            }

            @Override
            public void finish() {
                next.finish();
            }
        };
    }
}
