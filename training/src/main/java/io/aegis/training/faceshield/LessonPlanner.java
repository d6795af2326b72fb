package io.aegis.training.faceshield;

import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.tokenizer.ChatTemplate;
import io.aegis.tokenizer.Encoding;
import io.aegis.tokenizer.Tokenizer;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Makes instructions into tokens, of which the answer's and the one that closes it are learned. What stands before and
 * behind the picture is tokenised by itself, and answers are told apart from prompts by their place in the text: they begin
 * with the token that carries the space before their first word.
 */
final class LessonPlanner {
    private final Tokenizer tokenizer;
    private final ChatTemplate template;
    private final int room;

    /** @param room most tokens besides the picture's */
    LessonPlanner(Tokenizer tokenizer, ChatTemplate template, int room) {
        this.tokenizer = tokenizer;
        this.template = template;
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
        int picture = written.text().indexOf(ChatTemplate.IMAGE);
        int rest = picture + ChatTemplate.IMAGE.length();
        int[] before = tokenizer.encode(written.text().substring(0, picture), true);
        String text = written.text().substring(rest);
        Encoding behind = tokenizer.encoding(text, false);
        int boundary = written.answers().getFirst().begin() - rest;
        int first = behind.firstBehind(boundary);
        int tokens = before.length + behind.length();
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
        return Optional.of(new Lesson(s, spliced(before, behind), question(s.question()), before.length + 1 + first));
    }

    /**
     * A picture with a beginning of an answer to some question, which nothing closes; empty when it is too long.
     *
     * @param answer with the space before its first word
     */
    Optional<Lesson> answered(Instruction s, String question, String answer) {
        String prompt = template.prompt(question);
        int picture = prompt.indexOf(ChatTemplate.IMAGE);
        int[] before = tokenizer.encode(prompt.substring(0, picture), true);
        String text = prompt.substring(picture + ChatTemplate.IMAGE.length());
        Encoding behind = tokenizer.encoding(text + answer, false);
        int first = behind.firstBehind(text.length());
        return before.length + behind.length() > room
                ? Optional.empty()
                : Optional.of(new Lesson(s, spliced(before, behind), question(question), before.length + 1 + first));
    }

    private static long[] spliced(int[] before, Encoding behind) {
        return LongStream.concat(
                        LongStream.concat(longs(before), LongStream.of(FaceShieldNetwork.PICTURE)), longs(behind.ids()))
                .toArray();
    }

    private long[] question(String question) {
        return question.isEmpty()
                ? new long[0]
                : longs(tokenizer.encode(question, false)).toArray();
    }

    /** The published rule: an answer begins one token before the end of the prompt with its trailing space. */
    private boolean countsAgree(String text, int boundary, int first) {
        return boundary == 0 || tokenizer.encode(text.substring(0, boundary) + " ", false).length - 1 == first;
    }

    private static LongStream longs(int[] ids) {
        return IntStream.of(ids).asLongStream();
    }
}
