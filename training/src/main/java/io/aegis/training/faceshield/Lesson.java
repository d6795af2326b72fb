package io.aegis.training.faceshield;

import java.util.Arrays;

/**
 * An instruction as tokens.
 *
 * @param source what it is made of
 * @param ids of prompt, answer and end, the picture's placeholder among them
 * @param question ids of the question alone, without special tokens; empty where vision tokens are not chosen by one
 * @param answer where in {@code ids} the tokens to be learned begin; they go on to the end
 */
record Lesson(Instruction source, long[] ids, long[] question, int answer) {
    /** How many tokens are learned. */
    int tokens() {
        return ids.length - answer;
    }

    /** The tokens before those to be learned. */
    long[] prompt() {
        return Arrays.copyOf(ids, answer);
    }

    /** The same with the first few tokens to be learned. */
    Lesson cut(int tokens) {
        return new Lesson(source, Arrays.copyOf(ids, answer + tokens), question, answer);
    }

    /** The tokens to be learned. */
    long[] targets() {
        return Arrays.copyOfRange(ids, answer, ids.length);
    }
}
