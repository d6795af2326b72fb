package io.aegis.tokenizer;

import java.util.function.IntFunction;

/**
 * Text as its ids arrive, for one sequence and one thread. What cannot be text yet is held back: half of a character, and
 * a run of byte tokens, which is text or not as a whole.
 */
public final class TokenStream {
    private final IntFunction<String> shown;
    private final StringBuilder out = new StringBuilder();
    private final DecoderStage stage;

    /** Decodes through a chain of stages; {@code shown} gives a token, or null for an id that adds nothing. */
    TokenStream(IntFunction<String> shown, Decoder decoder) {
        this.shown = shown;
        this.stage = decoder.begin(new DecoderStage() {
            @Override
            public void accept(String token) {
                out.append(token);
            }

            @Override
            public void finish() {
                // Nothing is held back here.
            }
        });
    }

    /** What can be said after one more id; often nothing. */
    public String next(int id) {
        String token = shown.apply(id);
        if (token != null) {
            stage.accept(token);
        }
        return drain();
    }

    /** What was held back, when no more ids come. */
    public String finish() {
        stage.finish();
        return drain();
    }

    private String drain() {
        String text = out.toString();
        out.setLength(0);
        return text;
    }
}
