package io.aegis.training.dadm;

import io.aegis.image.DadmPictures;
import io.aegis.training.data.BatchPlan;
import io.aegis.training.data.Loader;
import io.aegis.training.data.Prefetcher;
import java.util.Iterator;
import java.util.List;

/** Loads batches for DADM ahead of whoever computes with them. */
final class DadmBatches implements Loader<LoadedBatch> {
    private final SampleReader reader;
    private final int size;

    DadmBatches(SampleReader reader, int size) {
        this.reader = reader;
        this.size = size;
    }

    @Override
    public LoadedBatch load(BatchPlan plan) throws InterruptedException {
        long epoch = plan.position().epoch();
        List<DadmPictures> samples = plan.read(row -> reader.read(row, epoch));
        return LoadedBatch.of(plan, samples, size);
    }

    /** Loads these plans, in order, on some threads. */
    Prefetcher<LoadedBatch> ahead(Iterator<BatchPlan> plans, int threads) {
        return new Prefetcher<>(plans, this, threads, threads + 1, _ -> {});
    }
}
