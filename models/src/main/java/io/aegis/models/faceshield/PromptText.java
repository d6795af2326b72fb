package io.aegis.models.faceshield;

import io.aegis.tokenizer.ChatTemplate;
import io.aegis.tokenizer.Encoding;
import io.aegis.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.regex.Pattern;
import java.util.stream.LongStream;

/**
 * Questions and answers as a model's ids. The text on either side of a picture is tokenised apart, as Bunny and LLaVA do,
 * with what begins a text in front of the first part only.
 */
public final class PromptText {
    private static final Pattern PICTURE = Pattern.compile(Pattern.quote(ChatTemplate.IMAGE));

    private final Tokenizer tokenizer;
    private final ChatTemplate template;
    private final int slots;

    /**
     * @param slots places for a picture in each prompt, 1 or 2
     */
    public PromptText(Tokenizer tokenizer, ChatTemplate template, int slots) {
        this.tokenizer = tokenizer;
        this.template = template;
        this.slots = slots;
    }

    /**
     * The ids of a text.
     *
     * @return with {@link FaceShieldNetwork#PICTURE} in the place of each {@code <image>}
     */
    public static long[] ids(Tokenizer tokenizer, String text) {
        String[] parts = PICTURE.split(text, -1);
        LongStream out = LongStream.empty();
        for (int i = 0; i < parts.length; i++) {
            if (i > 0) {
                out = LongStream.concat(out, LongStream.of(FaceShieldNetwork.PICTURE));
            }
            out = LongStream.concat(
                    out, Arrays.stream(tokenizer.encode(parts[i], i == 0)).asLongStream());
        }
        return out.toArray();
    }

    /** The prompt that asks a question about a picture. */
    public String text(String question) {
        String one = template.prompt(question);
        return slots == 1 ? one : one.replace(ChatTemplate.IMAGE, ChatTemplate.IMAGE + "\n" + ChatTemplate.IMAGE);
    }

    /** The ids of {@link #text}. */
    public long[] prompt(String question) {
        return ids(tokenizer, text(question));
    }

    /** The question alone, without anything special: what vision tokens are ranked by. */
    public long[] question(String question) {
        return Arrays.stream(tokenizer.encode(question.strip(), false))
                .asLongStream()
                .toArray();
    }

    /**
     * What the model must say to give an answer to a question: the tokens of both together that reach behind the prompt.
     *
     * @param answer with its leading space
     */
    public long[] answer(String question, String answer) {
        String text = text(question);
        String last = text.substring(text.lastIndexOf(ChatTemplate.IMAGE) + ChatTemplate.IMAGE.length());
        Encoding both = tokenizer.encoding(last + answer, false);
        return Arrays.stream(both.ids(), both.firstBehind(last.length()), both.length())
                .asLongStream()
                .toArray();
    }
}
