package io.aegis.tensor;

import io.aegis.kernels.View;

/** A gradient in the making, with one reference to its memory. */
record Adjoint(View view, Storage storage) {
    void release() {
        storage.release();
    }
}
