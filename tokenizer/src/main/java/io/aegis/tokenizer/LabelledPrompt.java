package io.aegis.tokenizer;

import io.aegis.tokenizer.ChatTemplate.Conversation;
import java.util.Arrays;

/**
 * A conversation as a language model learns it.
 *
 * @param ids the tokens, {@link ImagePrompt#IMAGE_ID} for the picture
 * @param labels a token's own id where it is to be learned (the answers, each from the token that carries the space behind
 *     {@code ASSISTANT:} to what closes it), else {@link #IGNORED}
 * @param countsAgree whether the answers begin and end where counting the tokens of the text before them says; Bunny and
 *     LLaVA drop samples where this is not so
 */
public record LabelledPrompt(int[] ids, int[] labels, boolean countsAgree) {
    /** The label of tokens that are not learned. */
    public static final int IGNORED = -100;

    /** Encodes a conversation and labels its answers by where they are in the text. */
    public static LabelledPrompt of(Tokenizer tokenizer, Conversation conversation) {
        Encoding all = ImagePrompt.encode(tokenizer, conversation.text());
        int[] labels = new int[all.length()];
        Arrays.fill(labels, IGNORED);
        boolean agree = true;
        for (Conversation.Range answer : conversation.answers()) {
            int first = all.firstBehind(answer.begin());
            int behind = all.firstBehind(answer.end());
            System.arraycopy(all.ids(), first, labels, first, behind - first);
            agree &= first == countBefore(tokenizer, conversation.text(), answer.begin())
                    && behind
                            == ImagePrompt.encode(tokenizer, conversation.text().substring(0, answer.end()))
                                    .length();
        }
        return new LabelledPrompt(all.ids(), labels, agree);
    }

    /** Tokens before an answer: with the space in front of it, which is a token of its own when nothing follows, but one. */
    private static int countBefore(Tokenizer tokenizer, String text, int begin) {
        boolean space = text.startsWith(" ", begin);
        int counted = ImagePrompt.encode(tokenizer, text.substring(0, space ? begin + 1 : begin))
                .length();
        return space ? counted - 1 : counted;
    }
}
