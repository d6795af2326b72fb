package io.aegis.models.faceshield;

/** Which tokens are the top k percent: ceil(k n / 100) of each group of n, as {@link io.aegis.kernels.VisionMasking} orders them. */
public enum TokenRanking {
    /** Of all tokens; one stream may take more than the other. */
    JOINT {
        @Override
        int groups(int streams) {
            return 1;
        }
    },
    /** Of each stream's. */
    PER_STREAM {
        @Override
        int groups(int streams) {
            return streams;
        }
    };

    /** In how many groups of equal length the tokens of some streams are ranked. */
    abstract int groups(int streams);
}
