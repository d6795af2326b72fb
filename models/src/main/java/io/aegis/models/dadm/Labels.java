package io.aegis.models.dadm;

import java.util.stream.IntStream;

/**
 * What is known of a training batch.
 *
 * @param live 1 bona fide, 0 attack, [B]
 * @param prototype class of the single-side loss: 1 for bona fide of any domain, others for attacks by domain, [B]
 * @param domain position of the source domain in the training list, [B]; only 0, 1 and 2 have heads
 */
public record Labels(long[] live, long[] prototype, long[] domain) {
    public Labels {
        if (live.length != prototype.length || live.length != domain.length) {
            throw new IllegalArgumentException(
                    "labels of different lengths: " + live.length + ", " + prototype.length + ", " + domain.length);
        }
    }

    /** Rows of one domain. */
    long[] rowsOf(int domain) {
        return rows(i -> this.domain[i] == domain);
    }

    /** Rows of one domain that are bona fide (1) or attacks (0). */
    long[] rowsOf(int domain, int live) {
        return rows(i -> this.domain[i] == domain && (this.live[i] == 1) == (live == 1));
    }

    private long[] rows(java.util.function.IntPredicate which) {
        return IntStream.range(0, live.length).filter(which).asLongStream().toArray();
    }
}
