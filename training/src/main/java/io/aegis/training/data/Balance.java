package io.aegis.training.data;

import java.util.List;

/** Whose shares of each batch are equal, up to one sample. */
public enum Balance {
    /** Nobody's: each sample once an epoch, as the published training does. */
    NONE,
    /** The domains'. */
    DOMAIN,
    /**
     * The pairs' of domain and label. The angle loss drops a label that one of the domains present lacks, so batches drawn
     * this way, of at least as many samples as there are pairs, never drop any.
     */
    DOMAIN_AND_LABEL;

    Object cell(Sample sample) {
        return switch (this) {
            case NONE -> "";
            case DOMAIN -> sample.domain();
            case DOMAIN_AND_LABEL -> List.of(sample.domain(), sample.label());
        };
    }
}
