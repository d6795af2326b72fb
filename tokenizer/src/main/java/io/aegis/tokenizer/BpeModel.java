package io.aegis.tokenizer;

import java.util.OptionalInt;

/** Byte pair encoding as a tokenizer.json describes it (Sennrich et al., 2016): a vocabulary and ranked merges. */
final class BpeModel implements Model {
    /**
     * What happens besides merging.
     *
     * @param unknown the token for characters that are not in the vocabulary; null drops them
     * @param fuseUnknown whether unknown characters side by side become one token
     * @param byteFallback whether an unknown character becomes tokens such as {@code <0x0A>}, if all of them exist
     * @param ignoreMerges whether a pre-token that is a token stays whole, whatever the merges say
     * @param continuingPrefix put in front of every character but the first
     * @param endSuffix put behind the last character
     */
    record Options(
            String unknown,
            boolean fuseUnknown,
            boolean byteFallback,
            boolean ignoreMerges,
            String continuingPrefix,
            String endSuffix) {}

    private final Vocabulary vocabulary;
    private final Merges merges;
    private final Options options;
    private final int[] byteIds;

    BpeModel(Vocabulary vocabulary, Merges merges, Options options) {
        this.vocabulary = vocabulary;
        this.merges = merges;
        this.options = options;
        this.byteIds = options.byteFallback ? ByteFallback.ids(vocabulary::id) : null;
    }

    @Override
    public int size() {
        return vocabulary.size();
    }

    @Override
    public String token(int id) {
        return vocabulary.token(id);
    }

    @Override
    public OptionalInt id(String token) {
        int id = vocabulary.id(token);
        return id < 0 ? OptionalInt.empty() : OptionalInt.of(id);
    }

    @Override
    public Model.Encoder encoder() {
        return new Encoder();
    }

    private final class Encoder implements Model.Encoder {
        private final Merger merger = new Merger(merges, null);
        private int unknownBegin;
        private int unknownEnd;

        @Override
        public void encode(Text piece, EncodingBuilder out) {
            int whole = options.ignoreMerges ? vocabulary.id(piece.chars()) : -1;
            if (whole >= 0) {
                out.add(whole, piece, 0, piece.length());
                return;
            }
            merger.clear();
            addSymbols(piece.chars());
            merger.merge();
            for (int s = merger.first(); s < merger.end(); s = merger.next(s)) {
                out.add(merger.id(s), piece, merger.beginOf(s), merger.endOf(s));
            }
        }

        private void addSymbols(String chars) {
            unknownEnd = -1;
            for (int begin = 0; begin < chars.length(); ) {
                int end = chars.offsetByCodePoints(begin, 1);
                String symbol = symbol(chars, begin, end);
                int id = vocabulary.id(symbol);
                if (id >= 0) {
                    flushUnknown();
                    merger.add(id, begin, end);
                } else if (!(options.byteFallback && addBytes(symbol, begin, end)) && options.unknown != null) {
                    addUnknown(begin, end);
                }
                begin = end;
            }
            flushUnknown();
        }

        private String symbol(String chars, int begin, int end) {
            String symbol = chars.substring(begin, end);
            if (begin > 0 && options.continuingPrefix != null) {
                symbol = options.continuingPrefix + symbol;
            }
            return end == chars.length() && options.endSuffix != null ? symbol + options.endSuffix : symbol;
        }

        /** An unknown character waits for its neighbours, even while byte tokens pass it. */
        private void addUnknown(int begin, int end) {
            if (unknownEnd >= 0 && !options.fuseUnknown) {
                flushUnknown();
            }
            if (unknownEnd < 0) {
                unknownBegin = begin;
            }
            unknownEnd = end;
        }

        private void flushUnknown() {
            if (unknownEnd >= 0) {
                int id = vocabulary.id(options.unknown);
                if (id < 0) {
                    throw new TokenizerException("the text has a character that is not in the vocabulary, and the token"
                            + " for such, \"" + options.unknown + "\", is not in it either");
                }
                merger.add(id, unknownBegin, unknownEnd);
                unknownEnd = -1;
            }
        }

        private boolean addBytes(String symbol, int begin, int end) {
            int[] ids = ByteFallback.idsOf(symbol, byteIds);
            if (ids == null) {
                return false;
            }
            for (int id : ids) {
                merger.add(id, begin, end);
            }
            return true;
        }
    }
}
