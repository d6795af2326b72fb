package io.aegis.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Collects byte tokens until another token or the end comes: together they are UTF-8, or each is U+FFFD. */
final class ByteFallbackStage implements DecoderStage {
    private final DecoderStage next;
    private final ByteArrayOutputStream run = new ByteArrayOutputStream();

    ByteFallbackStage(DecoderStage next) {
        this.next = next;
    }

    @Override
    public void accept(String token) {
        int value = ByteFallback.toByte(token);
        if (value >= 0) {
            run.write(value);
        } else {
            flush();
            next.accept(token);
        }
    }

    @Override
    public void finish() {
        flush();
        next.finish();
    }

    private void flush() {
        if (run.size() > 0) {
            next.accept(text(run.toByteArray()));
            run.reset();
        }
    }

    private static String text(byte[] bytes) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException _) {
            return Character.toString(Utf8Decoder.REPLACEMENT).repeat(bytes.length);
        }
    }
}
