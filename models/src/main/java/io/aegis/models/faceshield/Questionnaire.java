package io.aegis.models.faceshield;

import io.aegis.models.llama.GenerationOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/** Several questions about one picture: {@link Examination#ask(List, GenerationOptions, int, AnswersListener, BooleanSupplier)}. */
final class Questionnaire {
    private final FaceShield shield;
    private final Examination about;
    private final List<String> questions;
    private final GenerationOptions options;
    private final AnswersListener listener;
    private final BooleanSupplier cancelled;
    private final Reply[] replies;

    Questionnaire(
            FaceShield shield,
            Examination about,
            List<String> questions,
            GenerationOptions options,
            AnswersListener listener,
            BooleanSupplier cancelled) {
        this.shield = shield;
        this.about = about;
        this.questions = questions;
        this.options = options;
        this.listener = listener;
        this.cancelled = cancelled;
        replies = new Reply[questions.size()];
    }

    List<Reply> ask(int together) {
        questions.forEach(shield::requireFits);
        if (together == 1 || replies.length < 2) {
            inTurn();
        } else {
            atOnce(together);
        }
        for (int i = 0; i < replies.length; i++) {
            replies[i] = replies[i] == null ? Examination.cancelledReply(questions.get(i)) : replies[i];
        }
        return List.of(replies);
    }

    private void inTurn() {
        for (int i = 0; i < replies.length; i++) {
            int place = i;
            listener.asks(i);
            replies[i] = about.ask(questions.get(i), options, text -> listener.says(place, text), cancelled);
            if (replies[i].generation().isCancelled()) {
                return;
            }
            listener.ends(i);
        }
    }

    private void atOnce(int together) {
        InOrder order = new InOrder(replies.length, listener);
        List<Inquiry> inquiries = new ArrayList<>();
        for (int i = 0; i < replies.length; i++) {
            int place = i;
            inquiries.add(
                    new Inquiry.Question(about, questions.get(i), options, text -> order.says(place, text), reply -> {
                        replies[place] = reply;
                        if (!reply.generation().isCancelled()) {
                            order.ends(place);
                        }
                    }));
        }
        shield.answer(inquiries.iterator(), together, pages(together), cancelled);
    }

    private int pages(int together) {
        PromptLengths lengths = shield.lengths();
        List<Long> tokens =
                questions.stream().map(q -> lengths.withAnswer(q, options)).toList();
        boolean alike = shield.config().options().pvtm().inference() == MaskingMode.OFF;
        return Inquiries.pages(together, tokens, alike ? lengths.picture(questions.getFirst()) : 0);
    }
}
