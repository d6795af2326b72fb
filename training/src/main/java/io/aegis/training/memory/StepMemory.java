package io.aegis.training.memory;

import java.util.Map;

/**
 * What tensors of one sequence hold while a model learns from it, in bytes.
 *
 * @param before kept for the way back when the first block begins: what the picture and the prompt became
 * @param blocks kept by each block
 * @param behind kept of what follows the last block: the last norm, and the loss over the vocabulary
 * @param peak the most at once, what is kept included
 * @param atPeak what that was besides what is kept, by the kind of kernel that made it
 */
public record StepMemory(long before, long[] blocks, long behind, long peak, Map<String, Long> atPeak) {
    /** All that is kept for the way back. */
    public long kept() {
        long sum = before + behind;
        for (long block : blocks) {
            sum += block;
        }
        return sum;
    }

    /** What is there at the most besides that. */
    public long working() {
        return peak - kept();
    }
}
