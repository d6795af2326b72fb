package io.aegis.kernels.cuda;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Normalization;
import io.aegis.kernels.View;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Layer norm and RMS norm by {@link RowNorms}; batch norm by batch_norm.cu, of float32 rows in any layout of up to two leading strides
 * and dense vectors. All else is the host's. Statistics and sums over rows are added in an order that depends on sizes and the device, never on timing.
 */
final class CudaNormalization implements Normalization {
    private static final Variant CHANNELS = Variant.of("batch_norm.cu");
    private static final int THREADS = 256;
    /** Rows of a block at once, for sums over rows. */
    private static final int LANES = 8;
    /** Blocks of a multiprocessor that registers leave room for. */
    private static final int RESIDENT = 4;

    private static final Factor NO_FACTOR = new Factor(null, null);

    private final Cuda cuda;
    private final Normalization host;
    private final Tickets tickets;
    private final Map<DType, RowNorms> rowNorms = new EnumMap<>(DType.class);
    private final Entry batchStatistics;
    private final Entry batchNorm;
    private final Entry batchNormSums;
    private final Entry batchNormBackward;
    private final Entry updateRunning;

    CudaNormalization(Cuda cuda, Normalization host) {
        this.cuda = cuda;
        this.host = host;
        this.tickets = new Tickets(cuda.memory());
        RowNorms.TYPES.forEach(type -> rowNorms.put(type, new RowNorms(cuda, type)));
        this.batchStatistics = new Entry(cuda, CHANNELS, "batch_statistics");
        this.batchNorm = new Entry(cuda, CHANNELS, "batch_norm");
        this.batchNormSums = new Entry(cuda, CHANNELS, "batch_norm_sums");
        this.batchNormBackward = new Entry(cuda, CHANNELS, "batch_norm_backward");
        this.updateRunning = new Entry(cuda, CHANNELS, "update_running");
    }

    static List<Variant> variants() {
        return Stream.concat(RowNorms.variants().stream(), Stream.of(CHANNELS)).toList();
    }

    @Override
    public void layerNorm(View x, View gamma, View beta, double eps, View y, View mean, View rstd) {
        RowNorms of = rowNorms.get(x.dtype());
        if (of == null || !of.layerNorm(x, gamma, beta, eps, y, mean, rstd)) {
            host.layerNorm(x, gamma, beta, eps, y, mean, rstd);
        }
    }

    @Override
    public void rmsNorm(View x, View weight, double eps, View y, View rstd) {
        RowNorms of = rowNorms.get(x.dtype());
        if (of == null || !of.rmsNorm(x, weight, eps, y, rstd)) {
            host.rmsNorm(x, weight, eps, y, rstd);
        }
    }

    @Override
    public void layerNormBackward(View x, View gamma, View mean, View rstd, View dy, View dx, View dgamma, View dbeta) {
        RowNorms of = rowNorms.get(x.dtype());
        if (of == null || !of.layerNormBackward(x, gamma, mean, rstd, dy, dx, dgamma, dbeta)) {
            host.layerNormBackward(x, gamma, mean, rstd, dy, dx, dgamma, dbeta);
        }
    }

    @Override
    public void rmsNormBackward(View x, View weight, View rstd, View dy, View dx, View dweight) {
        RowNorms of = rowNorms.get(x.dtype());
        if (of == null || !of.rmsNormBackward(x, weight, rstd, dy, dx, dweight)) {
            host.rmsNormBackward(x, weight, rstd, dy, dx, dweight);
        }
    }

    @Override
    public void batchStatistics(View x, View mean, View variance) {
        if (!statistics(x, 1, mean, variance)) {
            host.batchStatistics(x, mean, variance);
        }
    }

    @Override
    public void batchStatisticsOfEach(View x, View mean, View variance) {
        int layers = (int) mean.size(0);
        if (!together(layers, x) || !statistics(x, layers, mean, variance)) {
            Normalization.super.batchStatisticsOfEach(x, mean, variance);
        }
    }

    /** Whether layers side by side are one launch. */
    private static boolean together(int layers, View x) {
        return layers <= LayerPointers.MOST && x.size(0) % layers == 0;
    }

    private boolean statistics(View x, int layers, View mean, View variance) {
        Columns columns = Columns.of(x, layers);
        if (columns == null || rows(x) == 0 || !dense(mean, variance)) {
            return false;
        }
        long channels = x.size(-1);
        long in = cuda.read(x);
        boolean wide = columns.rows().isWide(in);
        Engine.Grid grid = columns.sums(cuda.properties(), wide);
        try (Cuda.Scratch scratch = cuda.scratch()) {
            Arguments a = columns.rows().pack(Arguments.begin(), in);
            a.pointer(cuda.write(mean))
                    .pointer(cuda.write(variance))
                    .pointer(scratch.take(DType.F32, 2 * layers * channels * grid.x()))
                    .pointer(tickets.address());
            batchStatistics.launch(grid, columns.pack(a, wide).i32(0));
        }
        return true;
    }

    @Override
    public void batchNorm(
            View x, View gamma, View beta, View mean, View variance, double eps, Activation activation, View y) {
        if (!normed(x, List.of(new Channels(gamma, beta, mean, variance)), eps, activation, null, y)) {
            host.batchNorm(x, gamma, beta, mean, variance, eps, activation, y);
        }
    }

    @Override
    public void batchNorm(View x, List<Channels> layers, double eps, Activation activation, View y) {
        if (!together(layers.size(), x) || !normed(x, layers, eps, activation, null, y)) {
            Normalization.super.batchNorm(x, layers, eps, activation, y);
        }
    }

    @Override
    public boolean batchNorm(View x, List<Channels> layers, double eps, Activation activation, View times, View y) {
        return together(layers.size(), x) && normed(x, layers, eps, activation, times, y);
    }

    /** {@code times} may be null. */
    private boolean normed(View x, List<Channels> layers, double eps, Activation activation, View times, View y) {
        Columns columns = Columns.of(x, layers.size());
        Rows to = Rows.of(y);
        Rows by = Rows.of(times == null ? y : times);
        if (columns == null || to == null || by == null || !layers.stream().allMatch(LayerPointers::fits)) {
            return false;
        }
        if (rows(x) == 0) {
            return true;
        }
        long in = cuda.read(x);
        long factor = cuda.readOrNull(times);
        long out = cuda.write(y);
        Arguments a = columns.rows().pack(Arguments.begin(), in);
        to.pack(a, out);
        by.pack(a, factor);
        channels(a, layers);
        boolean wide = columns.rows().isWide(in) && to.isWide(out) && by.isWide(factor);
        columns.pack(a, wide).i32(activation.ordinal()).f32(eps);
        batchNorm.launch(columns.each(cuda.properties(), wide), a);
        return true;
    }

    /** An array of the struct Channels. */
    private void channels(Arguments a, List<Channels> layers) {
        for (int i = 0; i < LayerPointers.MOST; i++) {
            LayerPointers.pack(a, cuda, layers.get(Math.min(i, layers.size() - 1)));
        }
    }

    @Override
    public void batchNormBackward(
            View x,
            View gamma,
            View mean,
            View variance,
            double eps,
            boolean batch,
            View dy,
            View dx,
            View dgamma,
            View dbeta) {
        // Without an activation beta is not needed: any vector of its size stands for it.
        List<Channels> one = List.of(new Channels(gamma, gamma, mean, variance));
        View[] gammas = {dgamma};
        View[] betas = {dbeta};
        if (!backward(x, one, eps, batch, Activation.NONE, NO_FACTOR, dy, dx, gammas, betas)) {
            host.batchNormBackward(x, gamma, mean, variance, eps, batch, dy, dx, dgamma, dbeta);
        }
    }

    @Override
    public boolean batchNormBackward(
            View x,
            List<Channels> layers,
            double eps,
            boolean batch,
            Activation activation,
            View dy,
            View dx,
            View[] dgammas,
            View[] dbetas) {
        return batchNormBackward(x, layers, eps, batch, activation, NO_FACTOR, dy, dx, dgammas, dbetas);
    }

    @Override
    public boolean batchNormBackward(
            View x,
            List<Channels> layers,
            double eps,
            boolean batch,
            Activation activation,
            Factor factor,
            View dy,
            View dx,
            View[] dgammas,
            View[] dbetas) {
        return together(layers.size(), x)
                && backward(x, layers, eps, batch, activation, factor, dy, dx, dgammas, dbetas);
    }

    private boolean backward(
            View x,
            List<Channels> layers,
            double eps,
            boolean batch,
            Activation activation,
            Factor factor,
            View dy,
            View dx,
            View[] dgammas,
            View[] dbetas) {
        int n = layers.size();
        Columns columns = Columns.of(x, n);
        Rows slope = Rows.of(dy);
        Rows by = Rows.of(factor.times() == null ? x : factor.times());
        Rows byTo = Rows.of(factor.dtimes() == null ? x : factor.dtimes());
        Rows to = Rows.of(dx == null ? x : dx);
        if (columns == null
                || slope == null
                || by == null
                || byTo == null
                || to == null
                || rows(x) == 0
                || !layers.stream().allMatch(LayerPointers::fits)
                || !dense(dgammas)
                || !dense(dbetas)) {
            return false;
        }
        long in = cuda.read(x);
        long dout = cuda.read(dy);
        long times = cuda.readOrNull(factor.times());
        boolean read = columns.rows().isWide(in) && slope.isWide(dout) && by.isWide(times);
        long sums = 0;
        boolean wanted = batch && dx != null;
        for (int i = 0; i < n; i++) {
            wanted |= dgammas[i] != null || dbetas[i] != null;
        }
        try (Cuda.Scratch scratch = cuda.scratch()) {
            if (wanted) {
                Engine.Grid grid = columns.sums(cuda.properties(), read);
                sums = scratch.take(DType.F32, 2 * n * x.size(-1));
                Arguments a = columns.rows().pack(Arguments.begin(), in);
                slope.pack(a, dout);
                by.pack(a, times);
                channels(a, layers);
                a.pointer(sums);
                LayerPointers.pack(a, LayerPointers.written(cuda, dgammas));
                LayerPointers.pack(a, LayerPointers.written(cuda, dbetas));
                a.pointer(scratch.take(DType.F32, 2 * n * x.size(-1) * grid.x()))
                        .pointer(tickets.address());
                columns.pack(a, read).f32(eps).i32(activation.ordinal()).i32(0);
                batchNormSums.launch(grid, a);
            }
            if (dx != null || factor.dtimes() != null) {
                long din = cuda.writeOrNull(dx);
                long dtimes = cuda.writeOrNull(factor.dtimes());
                boolean wide = read && to.isWide(din) && byTo.isWide(dtimes);
                Arguments a = columns.rows().pack(Arguments.begin(), in);
                slope.pack(a, dout);
                by.pack(a, times);
                to.pack(a, din);
                byTo.pack(a, dtimes);
                channels(a, layers);
                a.pointer(batch ? sums : 0);
                columns.pack(a, wide).f32(eps).i32(activation.ordinal()).i32(0);
                batchNormBackward.launch(columns.each(cuda.properties(), wide), a);
            }
        }
        return true;
    }

    @Override
    public void updateRunning(
            View mean, View variance, long rows, double momentum, View runningMean, View runningVariance) {
        View[] means = {runningMean};
        View[] variances = {runningVariance};
        if (!updated(mean.unsqueeze(0), variance.unsqueeze(0), rows, momentum, means, variances)) {
            host.updateRunning(mean, variance, rows, momentum, runningMean, runningVariance);
        }
    }

    @Override
    public void updateRunning(
            View mean, View variance, long rows, double momentum, View[] runningMeans, View[] runningVariances) {
        if (!updated(mean, variance, rows, momentum, runningMeans, runningVariances)) {
            Normalization.super.updateRunning(mean, variance, rows, momentum, runningMeans, runningVariances);
        }
    }

    private boolean updated(
            View mean, View variance, long rows, double momentum, View[] runningMeans, View[] runningVariances) {
        int n = runningMeans.length;
        if (n > LayerPointers.MOST
                || !isUpdated(mean, mean.size(1), mean.stride(1))
                || !isUpdated(variance, mean.size(1), variance.stride(1))) {
            return false;
        }
        for (int i = 0; i < n; i++) {
            if (!isUpdated(runningMeans[i], mean.size(1), runningMeans[0].stride(0))
                    || !isUpdated(runningVariances[i], mean.size(1), runningVariances[0].stride(0))) {
                return false;
            }
        }
        if (mean.elements() == 0) {
            return true;
        }
        long[] means = new long[n];
        long[] variances = new long[n];
        for (int i = 0; i < n; i++) {
            means[i] = cuda.update(runningMeans[i]);
            variances[i] = cuda.update(runningVariances[i]);
        }
        Arguments a = Arguments.begin().pointer(cuda.read(mean)).pointer(cuda.read(variance));
        LayerPointers.pack(a, means);
        LayerPointers.pack(a, variances);
        a.i64(mean.stride(1)).i64(variance.stride(1));
        a.i64(runningMeans[0].stride(0)).i64(runningVariances[0].stride(0));
        a.i64(mean.stride(0)).i64(variance.stride(0));
        a.i32((int) mean.size(1)).f32(momentum).f32(rows / (rows - 1.0));
        long blocks = Math.ceilDiv(mean.size(1), (long) THREADS);
        updateRunning.launch(new Engine.Grid(blocks, n, 1, THREADS, 0), a);
        return true;
    }

    /** Whether a vector, or rows of one, are float32, of so many channels that lie so far apart. */
    private static boolean isUpdated(View v, long channels, long stride) {
        int last = v.rank() - 1;
        return v.dtype() == DType.F32
                && v.size(last) == channels
                && v.stride(last) == stride
                && v.elements() <= Integer.MAX_VALUE;
    }

    private static long rows(View v) {
        return v.size(-1) == 0 ? 0 : v.elements() / v.size(-1);
    }

    private static boolean dense(View... vectors) {
        for (View v : vectors) {
            if (v != null && !(v.dtype() == DType.F32 && v.isContiguous())) {
                return false;
            }
        }
        return true;
    }

    /** Channels side by side: 32 words of 4 or of 1, times 8 rows a block; layers side by side, each of as many rows. */
    private record Columns(Rows rows, int channels, int layers) {
        static Columns of(View x, int layers) {
            Rows rows = Rows.of(x);
            boolean fits = rows != null && x.size(-1) > 0 && x.size(-1) * layers <= 32L * Tickets.COUNT;
            return fits ? new Columns(rows, (int) x.size(-1), layers) : null;
        }

        /** Of a layer. */
        int count() {
            return (int) (CudaNormalization.rows(rows.view()) / layers);
        }

        private long slabs(boolean wide) {
            return Math.ceilDiv(channels, wide ? 128 : 32);
        }

        /** For sums over rows: slabs of at least 64 rows, so that what they leave to add up is little. */
        Engine.Grid sums(Engine.Properties device, boolean wide) {
            return grid(3L * device.multiprocessors(), 8 * LANES, wide);
        }

        /** For what each row computes by itself. */
        Engine.Grid each(Engine.Properties device, boolean wide) {
            return grid(2L * RESIDENT * device.multiprocessors(), LANES, wide);
        }

        private Engine.Grid grid(long blocks, int rowsOfOne, boolean wide) {
            long most = Math.max(1, blocks / slabs(wide) / layers);
            long along = Math.clamp(Math.ceilDiv(count(), rowsOfOne), 1, most);
            return new Engine.Grid(along, slabs(wide), layers, THREADS, 0);
        }

        Arguments pack(Arguments a, boolean wide) {
            return a.i32(count()).i32(channels).i32(wide ? 1 : 0);
        }
    }
}
