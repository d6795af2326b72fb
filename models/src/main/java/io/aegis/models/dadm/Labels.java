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

    /**
     * Refuses what no loss could be computed of; kernels do not look.
     *
     * @param classes how many prototype classes there are
     * @throws IllegalArgumentException naming the first row that is none
     */
    public void require(int classes) {
        boolean any = false;
        for (int i = 0; i < live.length; i++) {
            if (prototype[i] < 0 || prototype[i] >= classes) {
                throw new IllegalArgumentException(
                        "prototype class " + prototype[i] + " of row " + i + ", expected 0 to " + (classes - 1));
            }
            if (domain[i] >= 0 && domain[i] < DadmConfig.DOMAINS) {
                any = true;
                if (live[i] != 0 && live[i] != 1) {
                    throw new IllegalArgumentException(
                            "label " + live[i] + " of row " + i + ", expected 1 for bona fide or 0 for an attack");
                }
            }
        }
        if (!any) {
            throw new IllegalArgumentException("no row of the batch belongs to one of the domains 0 to 2");
        }
    }

    /** Whether some row belongs to a domain. */
    public boolean has(int domain) {
        return rowsOf(domain).length > 0;
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
