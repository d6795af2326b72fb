package io.aegis.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * How a conversation about one picture is written down: Bunny's and LLaVA's plain-text roles. {@code system USER:
 * <image>\nquestion ASSISTANT: answer</s>USER: ...}: turns are closed by the stop token's text, and nothing stands between
 * it and the next turn.
 */
public enum ChatTemplate {
    /** Bunny on Llama 3. */
    BUNNY("user", "<|end_of_text|>"),
    /** LLaVA 1.5's "v1". */
    LLAVA_V1("human", "</s>"),
    /** LLaVA 1.5's "vicuna_v1". */
    VICUNA_V1("user", "</s>"),
    /** The first stage of training: the picture, a caption, a line break; questions and system text are left out. */
    PLAIN("", "\n");

    /** What stands for the picture in a text. */
    public static final String IMAGE = "<image>";

    private static final String USER = "USER: ";
    private static final String ASSISTANT = " ASSISTANT:";

    private final String person;
    private final String stop;

    ChatTemplate(String person, String stop) {
        this.person = person;
        this.stop = stop;
    }

    /** One question and its answer; null where the answer is still to come, in the last turn only. */
    public record Turn(String question, String answer) {}

    /**
     * A conversation written down.
     *
     * @param text all of it
     * @param answers where the answers are, each from behind {@code ASSISTANT:}, so that its leading space counts, to
     *     behind what closes it
     */
    public record Conversation(String text, List<Range> answers) {
        /** UTF-16 units {@code begin <= at < end} of the text. */
        public record Range(int begin, int end) {}
    }

    /** What stands before the first turn. */
    public String system() {
        return this == PLAIN
                ? ""
                : "A chat between a curious " + person
                        + " and an artificial intelligence assistant. The assistant gives"
                        + " helpful, detailed, and polite answers to the " + person + "'s questions. ";
    }

    /** What closes an answer, and ends generation. */
    public String stop() {
        return stop;
    }

    /** The prompt for one question about a picture; it ends with {@code ASSISTANT:} and no space behind. */
    public String prompt(String question) {
        return conversation(List.of(new Turn(question, null)), true).text();
    }

    /**
     * Writes a conversation down. {@code <image>} is taken out of the questions and put, with a line break, in front of the
     * first one.
     *
     * @param picture whether there is a picture; without one, none is put in
     * @throws IllegalArgumentException when there is no turn, an answer is missing before the last turn, or one names the
     *     picture's place
     */
    public Conversation conversation(List<Turn> turns, boolean picture) {
        if (turns.isEmpty()) {
            throw new IllegalArgumentException("a conversation needs a question");
        }
        for (Turn turn : turns) {
            if (turn.answer == null && turn != turns.getLast()) {
                throw new IllegalArgumentException("only the last question may be without an answer");
            }
            if (turn.answer != null && turn.answer.contains(IMAGE)) {
                throw new IllegalArgumentException("an answer contains " + IMAGE + ", which stands for the picture");
            }
        }
        return this == PLAIN ? plain(turns, picture) : dialogue(turns, picture);
    }

    private Conversation dialogue(List<Turn> turns, boolean picture) {
        StringBuilder text = new StringBuilder(system());
        List<Conversation.Range> answers = new ArrayList<>();
        for (Turn turn : turns) {
            String question = withoutPicture(turn.question);
            text.append(USER)
                    .append(picture && turn == turns.getFirst() ? (IMAGE + "\n" + question).strip() : question)
                    .append(ASSISTANT);
            if (turn.answer != null) {
                int begin = text.length();
                text.append(' ').append(turn.answer).append(stop);
                answers.add(new Conversation.Range(begin, text.length()));
            }
        }
        return new Conversation(text.toString(), answers);
    }

    private Conversation plain(List<Turn> turns, boolean picture) {
        String begin = picture ? IMAGE : "";
        String caption = turns.stream()
                .map(Turn::answer)
                .filter(answer -> answer != null)
                .map(answer -> answer + stop)
                .collect(Collectors.joining());
        List<Conversation.Range> answers = caption.isEmpty()
                ? List.of()
                : List.of(new Conversation.Range(begin.length(), begin.length() + caption.length()));
        return new Conversation(begin + caption, answers);
    }

    private static String withoutPicture(String question) {
        return question.contains(IMAGE) ? question.replace(IMAGE, "").strip() : question;
    }
}
