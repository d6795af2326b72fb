/** Text to ids and back: byte-level BPE, SentencePiece BPE, chat templates. */
module io.aegis.tokenizer {
    requires com.fasterxml.jackson.databind;
    requires com.google.protobuf;

    exports io.aegis.tokenizer;
}
