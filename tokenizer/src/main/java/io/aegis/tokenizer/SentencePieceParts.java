package io.aegis.tokenizer;

import io.aegis.tokenizer.SentencePieceFile.Kind;
import io.aegis.tokenizer.SentencePieceFile.Piece;
import java.util.ArrayList;
import java.util.List;

/** A tokenizer around a SentencePiece model, as transformers' Llama tokenizer builds it. */
final class SentencePieceParts {
    private static final String SPACE = "▁";

    private SentencePieceParts() {}

    static BpeTokenizer.Parts of(SentencePieceFile file, TokenizerConfig config) {
        SentencePieceModel model = new SentencePieceModel(file.pieces());
        int bos = id(file, file.bos());
        int eos = id(file, file.eos());
        boolean first = file.dummyPrefix() && !config.legacy() && file.escapeSpaces();
        return new BpeTokenizer.Parts(
                normalizer(file, !first),
                first
                        ? new PreTokenizer.Metaspace(SPACE, PreTokenizer.Metaspace.Scheme.FIRST, false)
                        : new PreTokenizer.Sequence(List.of()),
                model,
                added(file.pieces(), config),
                new Affixes(
                        config.addBos() && bos >= 0 ? new int[] {bos} : new int[0],
                        config.addEos() && eos >= 0 ? new int[] {eos} : new int[0]),
                decoder(file),
                bos,
                eos);
    }

    private static int id(SentencePieceFile file, int id) {
        return id < file.pieces().size() ? id : -1;
    }

    private static Normalizer normalizer(SentencePieceFile file, boolean complete) {
        List<Normalizer> steps = new ArrayList<>();
        if (file.collapseSpaces()) {
            steps.add(new Normalizer.CollapseSpaces());
        }
        if (complete && file.dummyPrefix()) {
            steps.add(new Normalizer.Prepend(file.escapeSpaces() ? SPACE : " "));
        }
        if (complete && file.escapeSpaces()) {
            steps.add(new Normalizer.Replace(new Matcher.Literal(" "), SPACE));
        }
        return new Normalizer.Sequence(steps);
    }

    /** Control and unknown pieces are special in any case, but found in a text only if the configuration lists them. */
    private static List<AddedToken> added(List<Piece> pieces, TokenizerConfig config) {
        List<AddedToken> out = new ArrayList<>();
        for (AddedToken token : config.added()) {
            boolean special = token.special() || config.specials().contains(token.content());
            out.add(new AddedToken(
                    token.id(),
                    token.content(),
                    token.singleWord(),
                    token.lstrip(),
                    token.rstrip(),
                    false,
                    special,
                    true));
        }
        for (int id = 0; id < pieces.size(); id++) {
            Piece piece = pieces.get(id);
            boolean control = piece.kind() == Kind.CONTROL || piece.kind() == Kind.UNKNOWN;
            if (control && out.stream().noneMatch(t -> t.content().equals(piece.text()))) {
                out.add(
                        config.specials().contains(piece.text())
                                ? AddedToken.special(id, piece.text())
                                : AddedToken.unspeakable(id, piece.text()));
            }
        }
        return out;
    }

    private static Decoder decoder(SentencePieceFile file) {
        List<Decoder> steps = new ArrayList<>();
        if (file.escapeSpaces()) {
            steps.add(new Decoder.Replace(new Matcher.Literal(SPACE), " "));
        }
        steps.add(new Decoder.Bytes());
        steps.add(new Decoder.Fuse());
        if (file.dummyPrefix()) {
            steps.add(new Decoder.Strip(' ', 1, 0));
        }
        return new Decoder.Sequence(steps);
    }
}
