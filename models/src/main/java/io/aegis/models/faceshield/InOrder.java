package io.aegis.models.faceshield;

/** Tells answers that are made at the same time one after the other: the first of those not yet complete as it is made. */
final class InOrder {
    private final AnswersListener listener;
    private final StringBuilder[] kept;
    private final boolean[] ended;
    private int current;

    InOrder(int count, AnswersListener listener) {
        this.listener = listener;
        kept = new StringBuilder[count];
        ended = new boolean[count];
        for (int i = 0; i < count; i++) {
            kept[i] = new StringBuilder();
        }
        listener.asks(0);
    }

    void says(int question, String text) {
        if (question == current) {
            listener.says(question, text);
        } else {
            kept[question].append(text);
        }
    }

    void ends(int question) {
        ended[question] = true;
        while (current < ended.length && ended[current]) {
            listener.ends(current++);
            if (current < ended.length) {
                listener.asks(current);
                if (!kept[current].isEmpty()) {
                    listener.says(current, kept[current].toString());
                }
            }
        }
    }
}
