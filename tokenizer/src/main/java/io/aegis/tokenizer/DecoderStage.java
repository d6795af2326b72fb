package io.aegis.tokenizer;

/** One step of decoding, in the middle of a sequence: takes tokens and hands changed ones to the next step. */
interface DecoderStage {
    void accept(String token);

    /** No more tokens come: lets go what was held back, and tells the next step. */
    void finish();
}
