package io.aegis.tokenizer;

/** Removes a character at the ends of one token that comes in pieces; what may be at the end waits. */
final class StripStage implements DecoderStage {
    private final Decoder.Strip strip;
    private final DecoderStage next;
    private int left;
    private int waiting;

    StripStage(Decoder.Strip strip, DecoderStage next) {
        this.strip = strip;
        this.next = next;
        this.left = strip.start();
    }

    @Override
    public void accept(String token) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < token.length(); i++) {
            char c = token.charAt(i);
            if (left > 0 && c == strip.content()) {
                left--;
                continue;
            }
            left = 0;
            if (c == strip.content()) {
                waiting++;
            } else {
                release(waiting, out);
                out.append(c);
            }
        }
        release(Math.max(0, waiting - strip.stop()), out);
        next.accept(out.toString());
    }

    @Override
    public void finish() {
        next.finish();
    }

    private void release(int count, StringBuilder out) {
        out.repeat(strip.content(), count);
        waiting -= count;
    }
}
