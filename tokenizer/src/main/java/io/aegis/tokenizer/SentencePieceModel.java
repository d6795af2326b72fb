package io.aegis.tokenizer;

import io.aegis.tokenizer.SentencePieceFile.Kind;
import io.aegis.tokenizer.SentencePieceFile.Piece;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeSet;

/**
 * SentencePiece's byte pair encoding: neighbours whose concatenation is a piece become it, the highest score first,
 * leftmost on ties. User-defined pieces are cut out before, the longest first; unused pieces are taken apart again behind;
 * characters that are no piece become bytes, or unknown.
 */
final class SentencePieceModel implements Model {
    private static final int OTHER = -1;

    /** A piece is tried at each of its cuts, which takes the square of its length. */
    private static final int LONGEST = 4096;

    private final List<Piece> pieces;
    private final Map<String, Integer> ids = new HashMap<>();
    private final Map<String, Integer> symbols = new HashMap<>();
    private final AddedTokenMatcher userDefined = new AddedTokenMatcher();
    private final Merges merges;
    private final int[] byteIds;
    private final int unknown;

    /**
     * Prepares the merges.
     *
     * @throws IllegalArgumentException when pieces are there twice, or not exactly one is the unknown one
     */
    SentencePieceModel(List<Piece> pieces) {
        this.pieces = pieces;
        int unknowns = 0;
        int unknownId = -1;
        for (int id = 0; id < pieces.size(); id++) {
            Piece piece = pieces.get(id);
            if (ids.putIfAbsent(piece.text(), id) != null) {
                throw new IllegalArgumentException("there is piece \"" + piece.text() + "\" twice");
            }
            if (piece.kind() == Kind.UNKNOWN) {
                unknowns++;
                unknownId = id;
            } else if (piece.kind() == Kind.USER_DEFINED) {
                userDefined.add(piece.text(), AddedToken.special(id, piece.text()));
            }
        }
        if (unknowns != 1) {
            throw new IllegalArgumentException("there are " + unknowns + " unknown pieces, expected one");
        }
        unknown = unknownId;
        byteIds = ByteFallback.ids(
                text -> ids.containsKey(text) && pieces.get(ids.get(text)).kind() == Kind.BYTE ? ids.get(text) : -1);
        merges = merges();
    }

    private boolean merges(Piece piece) {
        return piece.kind() == Kind.NORMAL || piece.kind() == Kind.UNUSED;
    }

    /** Every way to make a piece of two; a character that occurs in pieces only gets a number behind theirs. */
    private Merges merges() {
        TreeSet<Float> scores = new TreeSet<>((a, b) -> Float.compare(b, a));
        for (int id = 0; id < pieces.size(); id++) {
            Piece piece = pieces.get(id);
            if (merges(piece)) {
                if (piece.text().length() > LONGEST) {
                    throw new IllegalArgumentException("piece " + id + " has "
                            + piece.text().length() + " characters, the longest allowed has " + LONGEST);
                }
                symbols.put(piece.text(), id);
                scores.add(piece.score() + 0f);
            }
        }
        Map<Float, Integer> ranks = new HashMap<>();
        scores.forEach(score -> ranks.put(score, ranks.size()));
        for (Piece piece : pieces) {
            if (merges(piece)) {
                piece.text()
                        .codePoints()
                        .mapToObj(Character::toString)
                        .forEach(c -> symbols.putIfAbsent(c, pieces.size() + symbols.size()));
            }
        }
        Merges out = new Merges(2 * pieces.size());
        for (int id = 0; id < pieces.size(); id++) {
            String text = pieces.get(id).text();
            if (!merges(pieces.get(id))) {
                continue;
            }
            int rank = ranks.get(pieces.get(id).score() + 0f);
            for (int cut = text.offsetByCodePoints(0, 1); cut < text.length(); ) {
                Integer left = symbols.get(text.substring(0, cut));
                Integer right = left == null ? null : symbols.get(text.substring(cut));
                if (right != null) {
                    out.put(left, right, rank, id);
                }
                cut = text.offsetByCodePoints(cut, 1);
            }
        }
        return out;
    }

    @Override
    public int size() {
        return pieces.size();
    }

    @Override
    public String token(int id) {
        return pieces.get(id).text();
    }

    @Override
    public OptionalInt id(String token) {
        Integer id = ids.get(token);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    @Override
    public Model.Encoder encoder() {
        return new Encoder();
    }

    private final class Encoder implements Model.Encoder {
        /** Of unused pieces, the two that they were made of last. */
        private final Map<Integer, int[]> parts = new HashMap<>();

        private final Merger merger = new Merger(merges, (left, right, result) -> {
            if (pieces.get(result).kind() == Kind.UNUSED) {
                parts.put(result, new int[] {left, right});
            }
        });
        private int unknownBegin;
        private int unknownEnd;

        @Override
        public void encode(Text piece, EncodingBuilder out) {
            parts.clear();
            merger.clear();
            int begin = 0;
            for (AddedTokenMatcher.Part part : userDefined.split(piece)) {
                int end = begin + part.text().length();
                if (part.token() != null) {
                    merger.add(part.token().id(), begin, end);
                } else {
                    addCharacters(piece.chars(), begin, end);
                }
                begin = end;
            }
            merger.merge();
            unknownEnd = -1;
            for (int s = merger.first(); s < merger.end(); s = merger.next(s)) {
                emit(merger.id(s), piece, merger.beginOf(s), merger.endOf(s), out);
            }
            flushUnknown(piece, out);
        }

        private void addCharacters(String chars, int from, int to) {
            for (int begin = from; begin < to; ) {
                int end = chars.offsetByCodePoints(begin, 1);
                merger.add(symbols.getOrDefault(chars.substring(begin, end), OTHER), begin, end);
                begin = end;
            }
        }

        /** Adds a symbol; one that is an unused piece, all that it was made of. */
        private void emit(int symbol, Text piece, int begin, int end, EncodingBuilder out) {
            Deque<int[]> stack = new ArrayDeque<>();
            stack.push(new int[] {symbol, begin, end});
            while (!stack.isEmpty()) {
                int[] top = stack.pop();
                int[] two = parts.get(top[0]);
                if (two != null) {
                    int cut = top[1] + length(two[0], piece.chars(), top[1]);
                    stack.push(new int[] {two[1], cut, top[2]});
                    stack.push(new int[] {two[0], top[1], cut});
                } else {
                    emitOne(top[0], piece, top[1], top[2], out);
                }
            }
        }

        private int length(int symbol, String chars, int begin) {
            return symbol >= 0 && symbol < pieces.size()
                    ? pieces.get(symbol).text().length()
                    : Character.charCount(chars.codePointAt(begin));
        }

        private void emitOne(int symbol, Text piece, int begin, int end, EncodingBuilder out) {
            if (symbol >= 0 && symbol < pieces.size()) {
                flushUnknown(piece, out);
                out.add(symbol, piece, begin, end);
                return;
            }
            int[] bytes = ByteFallback.idsOf(piece.chars().substring(begin, end), byteIds);
            if (bytes != null) {
                flushUnknown(piece, out);
                for (int id : bytes) {
                    out.add(id, piece, begin, end);
                }
            } else {
                unknownBegin = unknownEnd < 0 ? begin : unknownBegin;
                unknownEnd = end;
            }
        }

        private void flushUnknown(Text piece, EncodingBuilder out) {
            if (unknownEnd >= 0) {
                out.add(unknown, piece, unknownBegin, unknownEnd);
                unknownEnd = -1;
            }
        }
    }
}
