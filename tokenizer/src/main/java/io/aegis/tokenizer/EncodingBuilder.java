package io.aegis.tokenizer;

/** Collects tokens with their places in the source. */
final class EncodingBuilder {
    private final IntList ids = new IntList();
    private final IntList starts = new IntList();
    private final IntList ends = new IntList();

    /** Adds a token that covers {@code begin <= at < end} of a text. */
    void add(int id, Text text, int begin, int end) {
        add(id, text.from()[begin], text.to()[end - 1]);
    }

    /** Adds a token that covers a range of the source. */
    void add(int id, int start, int end) {
        ids.add(id);
        starts.add(start);
        ends.add(end);
    }

    Encoding build() {
        return new Encoding(ids.toArray(), starts.toArray(), ends.toArray());
    }
}
