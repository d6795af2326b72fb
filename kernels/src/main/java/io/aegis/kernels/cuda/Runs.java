package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;

/** runs.cuh: dense arrays of float32, several in one launch. */
final class Runs {
    /** Arrays of one launch, {@code RUNS} there. */
    static final int MOST = 64;

    static final int THREADS = 256;
    /** Elements that a block takes at a time. */
    static final int STRIDE = 4 * THREADS;

    private Runs() {}

    /** Whether views of one shape are float32 and lie alike without holes, in whatever order. */
    static boolean areDense(View... views) {
        for (View v : views) {
            if (v.dtype() != DType.F32) {
                return false;
            }
        }
        Space space = Space.of(views);
        if (space.rank() != 1 || !space.fits()) {
            return false;
        }
        boolean yes = true;
        for (int k = 0; k < views.length; k++) {
            yes &= space.step(0, k) == 1 || space.count() == 1;
        }
        return yes;
    }
}
