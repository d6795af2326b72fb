package io.aegis.training;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.CudaException;
import io.aegis.kernels.cuda.Precision;
import java.util.function.LongPredicate;
import org.junit.jupiter.api.Assumptions;

/** The emulator's device with memory that ends at a chosen allocation, and stays ended until it is made plenty again. */
public final class Shortage implements LongPredicate, AutoCloseable {
    private final Kernels kernels;
    private long left = Long.MAX_VALUE;
    private boolean ended;

    /** Without a compiler for the emulator the test is skipped, and says so. */
    public Shortage() {
        try {
            kernels = CudaBackend.emulator(Precision.F32, this);
        } catch (CudaException e) {
            throw Assumptions.<RuntimeException>abort("the GPU's kernels are not run: " + e.getMessage());
        }
    }

    public Kernels kernels() {
        return kernels;
    }

    @Override
    public boolean test(long bytes) {
        ended |= left == 0;
        left -= ended ? 0 : 1;
        return !ended;
    }

    /**
     * Runs something with nothing kept for reuse, so that it asks the device for all that it needs.
     *
     * @param n number of the allocation, from 1, at which memory ends
     * @return the error; null when that allocation did not come
     */
    public OutOfMemoryError endingAt(long n, Runnable work) {
        kernels.memory().trim();
        left = n - 1;
        ended = false;
        try {
            work.run();
            assertThat(ended)
                    .as("an allocation was refused and nobody was told")
                    .isFalse();
            return null;
        } catch (OutOfMemoryError e) {
            assertThat(ended).as("memory that was there: %s", e).isTrue();
            assertThat(e)
                    .hasMessageMatching("no memory on cuda:0 for a tensor of \\d+ bytes; \\d+ bytes are in use by"
                            + " other tensors and recorded graphs: allocating \\d+ bytes on emulator, which has \\d+ of \\d+"
                            + " bytes free; this process holds \\d+");
            return e;
        } finally {
            left = Long.MAX_VALUE;
            ended = false;
        }
    }

    /** Bytes that the device itself has not got back, with nothing kept for reuse, as its own error says. */
    public long held() {
        Buffer buffer = kernels.memory().acquire(4);
        try {
            View one = View.of(buffer, DType.F32, 1);
            OutOfMemoryError full = endingAt(1, () -> kernels.elementwise().fill(one, 1));
            String message = full.getMessage();
            return Long.parseLong(message.substring(message.lastIndexOf(' ') + 1));
        } finally {
            kernels.memory().release(buffer);
        }
    }

    /**
     * No tensor is alive, and the device has everything back.
     *
     * @param own bytes that its kernels keep for themselves
     */
    public void assertNothingIsLeft(String when, long own) {
        assertThat(kernels.memory().liveBlocks()).as("tensors, %s", when).isZero();
        assertThat(kernels.memory().liveBytes()).as("bytes, %s", when).isZero();
        assertThat(held()).as("bytes of the device, %s", when).isEqualTo(own);
    }

    @Override
    public void close() throws Exception {
        ((AutoCloseable) kernels).close();
    }
}
