package io.aegis.tokenizer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/** Opens tokenizers, whatever file they come in. */
final class TokenizerFiles {
    private static final String JSON = "tokenizer.json";
    private static final String MODEL = "tokenizer.model";

    private static final List<String> BEGINS = List.of("<|begin_of_text|>", "<s>", "<|endoftext|>", "<|startoftext|>");
    private static final List<String> ENDS = List.of("<|end_of_text|>", "</s>", "<|endoftext|>");

    private TokenizerFiles() {}

    static Tokenizer open(Path path) {
        if (!Files.exists(path)) {
            throw TokenizerException.of(path, "no such file or folder");
        }
        if (!Files.isDirectory(path)) {
            return open(path, TokenizerConfig.NONE);
        }
        Path file = path.resolve(JSON);
        if (!Files.exists(file)) {
            file = path.resolve(MODEL);
        }
        if (!Files.exists(file)) {
            throw TokenizerException.of(path, "there is neither " + JSON + " nor " + MODEL + " in this folder");
        }
        return open(file, TokenizerConfig.read(path));
    }

    private static Tokenizer open(Path file, TokenizerConfig config) {
        try {
            return tokenizer(read(file, config), config);
        } catch (IllegalArgumentException e) {
            throw new TokenizerException(file + ": " + e.getMessage(), e);
        }
    }

    private static BpeTokenizer.Parts read(Path file, TokenizerConfig config) {
        byte[] bytes = bytes(file);
        int first = 0;
        while (first < bytes.length && Unicode.isWhiteSpace(bytes[first])) {
            first++;
        }
        if (first == bytes.length) {
            throw TokenizerException.of(file, "the file is empty");
        }
        // A SentencePiece model begins with a line feed, which is the tag of its first field.
        if (bytes[first] == '{') {
            return TokenizerJson.read(file);
        }
        if (TiktokenFile.fits(bytes)) {
            return tiktoken(TiktokenFile.read(file, bytes), config);
        }
        return SentencePieceParts.of(SentencePieceFile.read(file, bytes), config);
    }

    private static byte[] bytes(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new TokenizerException(file + ": cannot be read: " + e.getMessage(), e);
        } catch (OutOfMemoryError e) {
            throw new TokenizerException(file + ": is too large for a tokenizer", e);
        }
    }

    private static BpeTokenizer.Parts tiktoken(Model model, TokenizerConfig config) {
        List<AddedToken> specials =
                config.added().isEmpty() ? TiktokenFile.llama3Specials(model.size()) : config.added();
        int bos = specials.stream()
                .filter(t -> t.content().equals(config.bos().orElse(BEGINS.getFirst())))
                .mapToInt(AddedToken::id)
                .findFirst()
                .orElse(-1);
        return new BpeTokenizer.Parts(
                new Normalizer.Sequence(List.of()),
                new PreTokenizer.Sequence(List.of(
                        new PreTokenizer.Split(new LlamaScanner(3), SplitBehavior.ISOLATED, false),
                        new PreTokenizer.ByteLevel(false, false))),
                model,
                specials,
                bos < 0 ? Affixes.NONE : new Affixes(new int[] {bos}, new int[0]),
                new Decoder.ByteLevel(),
                bos,
                -1);
    }

    /** With the tokens of the configuration that the file lacks, and BOS and EOS by their names. */
    private static Tokenizer tokenizer(BpeTokenizer.Parts parts, TokenizerConfig config) {
        BpeTokenizer plain = new BpeTokenizer(parts);
        List<AddedToken> missing = config.added().stream()
                .filter(t -> plain.id(t.content()).isEmpty())
                .toList();
        List<AddedToken> added = new ArrayList<>(parts.added());
        added.addAll(missing);
        BpeTokenizer full = new BpeTokenizer(parts.with(added));
        int bos = config.bos().map(name -> full.id(name).orElse(-1)).orElseGet(() -> begin(full, parts));
        int eos = config.eos().map(name -> full.id(name).orElse(-1)).orElseGet(() -> end(full, parts));
        return new BpeTokenizer(parts.with(added).with(bos, eos));
    }

    private static int begin(BpeTokenizer tokenizer, BpeTokenizer.Parts parts) {
        if (parts.bos() >= 0 || parts.affixes().before().length == 1) {
            return parts.bos() >= 0 ? parts.bos() : parts.affixes().before()[0];
        }
        return known(tokenizer, BEGINS);
    }

    private static int end(BpeTokenizer tokenizer, BpeTokenizer.Parts parts) {
        if (parts.eos() >= 0 || parts.affixes().after().length == 1) {
            return parts.eos() >= 0 ? parts.eos() : parts.affixes().after()[0];
        }
        return known(tokenizer, ENDS);
    }

    private static int known(BpeTokenizer tokenizer, List<String> names) {
        for (String name : names) {
            OptionalInt id = tokenizer.id(name);
            if (id.isPresent() && tokenizer.isSpecial(id.getAsInt())) {
                return id.getAsInt();
            }
        }
        return -1;
    }
}
