package io.aegis.tensor;

import io.aegis.kernels.View;

/**
 * Something the backward pass will read.
 *
 * @param version of the storage when it was kept
 */
record Kept(View view, Storage storage, long version) {
    void release() {
        storage.release();
    }

    boolean isChanged() {
        return storage.version() != version;
    }
}
