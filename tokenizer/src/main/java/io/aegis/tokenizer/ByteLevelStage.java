package io.aegis.tokenizer;

import java.nio.charset.StandardCharsets;

/** Bytes written as characters, and from bytes to text. */
final class ByteLevelStage implements DecoderStage {
    private final DecoderStage next;
    private final Utf8Decoder utf8 = new Utf8Decoder();

    ByteLevelStage(DecoderStage next) {
        this.next = next;
    }

    @Override
    public void accept(String token) {
        StringBuilder out = new StringBuilder();
        if (token.chars().allMatch(c -> ByteAlphabet.toByte((char) c) >= 0)) {
            token.chars().forEach(c -> utf8.accept(ByteAlphabet.toByte((char) c), out));
        } else {
            for (byte b : token.getBytes(StandardCharsets.UTF_8)) {
                utf8.accept(b & 0xff, out);
            }
        }
        next.accept(out.toString());
    }

    @Override
    public void finish() {
        StringBuilder out = new StringBuilder();
        utf8.finish(out);
        next.accept(out.toString());
        next.finish();
    }
}
