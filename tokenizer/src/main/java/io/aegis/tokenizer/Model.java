package io.aegis.tokenizer;

import java.util.OptionalInt;

/** Makes tokens of one pre-token. */
interface Model {
    /** Something that encodes pre-tokens one after the other, for one thread. */
    interface Encoder {
        /** Adds the tokens of a pre-token that is not empty. */
        void encode(Text piece, EncodingBuilder out);
    }

    Encoder encoder();

    /** The number of tokens, 0 to size - 1. */
    int size();

    String token(int id);

    OptionalInt id(String token);
}
