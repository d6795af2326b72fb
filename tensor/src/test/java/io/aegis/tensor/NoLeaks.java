package io.aegis.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Fails a test that leaves pool memory behind. */
public final class NoLeaks implements BeforeEachCallback, AfterEachCallback {
    private long before;

    @Override
    public void beforeEach(ExtensionContext context) {
        before = Pool.host().liveBlocks();
    }

    @Override
    public void afterEach(ExtensionContext context) {
        assertThat(Pool.host().liveBlocks() - before)
                .as("blocks of pool memory that %s did not give back", context.getDisplayName())
                .isZero();
    }
}
