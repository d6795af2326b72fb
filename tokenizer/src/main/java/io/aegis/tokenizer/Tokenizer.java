package io.aegis.tokenizer;

import java.nio.file.Path;
import java.util.OptionalInt;

/**
 * Text to token ids and back. Where implementations differ, this one does what Hugging Face's tokenizers do. Immutable;
 * safe to share between threads (a {@link TokenStream} is not).
 */
public interface Tokenizer {
    /**
     * Opens a {@code tokenizer.json}, or a {@code tokenizer.model} (a SentencePiece protobuf or tiktoken's lines of
     * base64 and rank), told apart by what it holds; or a folder with one of the two, {@code tokenizer.json} first, where
     * {@code tokenizer_config.json}, {@code special_tokens_map.json} and {@code added_tokens.json} are read as well.
     *
     * <p>A {@code tokenizer.model} opened alone recognises no special tokens in the text, as SentencePiece itself; in a
     * folder it recognises those that the files beside it list.
     *
     * @throws TokenizerException when it is missing, breaks its format's rules, or asks for something that is not
     *     supported
     */
    static Tokenizer open(Path fileOrFolder) {
        return TokenizerFiles.open(fileOrFolder);
    }

    /**
     * The ids of a text. Added tokens are recognised where they stand in it literally.
     *
     * @param addSpecial whether to add what the tokenizer puts around every text, such as BOS in front; it does so even
     *     when the text begins with BOS already
     */
    default int[] encode(String text, boolean addSpecial) {
        return encoding(text, addSpecial).ids();
    }

    /** As {@link #encode}, with the place in the text that each token comes from. */
    Encoding encoding(String text, boolean addSpecial);

    /**
     * The text of ids. Ids that are no token's (an image placeholder, the padding of an embedding table) add nothing;
     * bytes that are no UTF-8 become U+FFFD.
     *
     * @param skipSpecial whether special tokens add nothing
     */
    default String decode(int[] ids, boolean skipSpecial) {
        TokenStream stream = stream(skipSpecial);
        StringBuilder out = new StringBuilder();
        for (int id : ids) {
            out.append(stream.next(id));
        }
        return out.append(stream.finish()).toString();
    }

    /** Decodes ids as they come; all that it returns, joined, is what {@link #decode} returns for all ids. */
    TokenStream stream(boolean skipSpecial);

    /**
     * A token as the vocabulary writes it: {@code Ġhello}, {@code ▁hello}, {@code <0x0A>}.
     *
     * @throws IndexOutOfBoundsException when there is no such id
     */
    String token(int id);

    /** The id of a token, written as the vocabulary writes it. */
    OptionalInt id(String token);

    /** The number of tokens, added ones included; ids run from 0 to size - 1. */
    int size();

    /** Whether an id is a special token: one that marks structure and is no text. */
    boolean isSpecial(int id);

    /** The token that begins a text, if there is one. */
    OptionalInt bos();

    /** The token that ends a text, if there is one. */
    OptionalInt eos();
}
