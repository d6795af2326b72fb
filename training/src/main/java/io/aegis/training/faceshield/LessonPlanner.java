package io.aegis.training.faceshield;

import io.aegis.models.faceshield.PromptText;
import io.aegis.tokenizer.ChatTemplate;
import io.aegis.tokenizer.Encoding;
import io.aegis.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * Makes instructions into tokens, of which the answer's and the one that closes it are learned. What stands before and
 * behind a picture is tokenised by itself, and answers are told apart from prompts by their place in the text: they begin
 * with the token that carries the space before their first word.
 */
final class LessonPlanner {
    private final Tokenizer tokenizer;
    private final ChatTemplate template;
    private final PromptText prompts;
    private final int slots;
    private final int room;

    /**
     * @param slots places for a picture in each prompt, 1 or 2
     * @param room most tokens besides the picture's
     */
    LessonPlanner(Tokenizer tokenizer, ChatTemplate template, int slots, int room) {
        this.tokenizer = tokenizer;
        this.template = template;
        this.prompts = new PromptText(tokenizer, template, slots);
        this.slots = slots;
        this.room = room;
    }

    /** The lesson; empty, and noted, when it cannot be one. */
    Optional<Lesson> of(Instruction s, Problems problems) {
        if (template != ChatTemplate.PLAIN && s.question().isEmpty()) {
            problems.add(Problem.EMPTY_QUESTION, s.describe());
            return Optional.empty();
        }
        ChatTemplate.Conversation written =
                template.conversation(List.of(new ChatTemplate.Turn(s.question(), s.answer())), true);
        int rest = written.text().indexOf(ChatTemplate.IMAGE) + ChatTemplate.IMAGE.length();
        String picture = slots == 1 ? "" : "\n" + ChatTemplate.IMAGE;
        long[] before = PromptText.ids(tokenizer, written.text().substring(0, rest) + picture);
        String text = written.text().substring(rest);
        Encoding behind = tokenizer.encoding(text, false);
        int boundary = written.answers().getFirst().begin() - rest;
        int first = behind.firstBehind(boundary);
        int tokens = before.length - slots + behind.length();
        if (tokens > room) {
            problems.add(
                    Problem.TRUNCATED,
                    s.describe() + ": " + tokens + " tokens besides the picture's, where " + room + " have room");
            return Optional.empty();
        }
        if (first == behind.length() || behind.starts()[first] < boundary || !countsAgree(text, boundary, first)) {
            problems.add(Problem.LABEL_MISMATCH, s.describe());
            return Optional.empty();
        }
        long[] ids = joined(before, Arrays.stream(behind.ids()).asLongStream().toArray());
        return Optional.of(new Lesson(s, ids, question(s.question()), before.length + first));
    }

    /**
     * A picture with a beginning of an answer to some question, which nothing closes; empty when it is too long.
     *
     * @param answer with the space before its first word
     */
    Optional<Lesson> answered(Instruction s, String question, String answer) {
        long[] prompt = prompts.prompt(question);
        long[] ids = joined(prompt, prompts.answer(question, answer));
        return ids.length - slots > room
                ? Optional.empty()
                : Optional.of(new Lesson(s, ids, question(question), prompt.length));
    }

    private static long[] joined(long[] a, long[] b) {
        return LongStream.concat(Arrays.stream(a), Arrays.stream(b)).toArray();
    }

    private long[] question(String question) {
        return question.isEmpty() ? new long[0] : prompts.question(question);
    }

    /** The published rule: an answer begins one token before the end of the prompt with its trailing space. */
    private boolean countsAgree(String text, int boundary, int first) {
        return boundary == 0 || tokenizer.encode(text.substring(0, boundary) + " ", false).length - 1 == first;
    }
}
