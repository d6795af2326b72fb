package io.aegis.cli.gpu.bench;

import io.aegis.kernels.Kernels;

/** Something that a whole model does, with random weights that are made on the device. */
public sealed interface ModelWork extends Work
        permits AdapterWork, DadmWork, FirstTokenWork, PromptWork, QuestionsWork, TokenWork {
    /** A model's time, unless tokens are what counts. */
    @Override
    default Unit unit() {
        return Unit.MILLISECONDS;
    }

    /** One: a picture, a step, or a token of those that count them. */
    @Override
    default double amount() {
        return 1;
    }

    /** Makes the model in a device's memory. Whoever closes it is the thread that opened it. */
    Subject open(Kernels kernels);

    /**
     * Whether each way is measured to its end before the next: where what is recorded is of one way, and is lost when another
     * comes between.
     */
    default boolean oneAfterAnother() {
        return false;
    }

    /** What it is to hold in a device's memory, before anything is there; its peak is 0. */
    default Footprint foreseen(Kernels kernels) {
        return Footprint.NONE;
    }

    /** A model that is ready. */
    interface Subject extends AutoCloseable {
        /** Does the work once, by any kernels over the model's memory; it may be queued only when this returns. */
        void run(Kernels kernels);

        @Override
        void close();
    }
}
