package io.aegis.kernels.cuda;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Normalization;
import io.aegis.kernels.View;
import java.util.List;
import java.util.stream.Stream;

/**
 * row_norm.cu and batch_norm.cu: float32 rows in any layout of up to two leading strides, dense vectors; all else is the host's.
 * Statistics and sums over rows are added in an order that depends on sizes and the device, never on timing.
 */
final class CudaNormalization implements Normalization {
    private static final Variant ROWS = Variant.of("row_norm.cu");
    private static final Variant CHANNELS = Variant.of("batch_norm.cu");
    private static final int THREADS = 256;
    private static final int WARPS = THREADS / 32;
    /** Rows of a block at once, for sums over rows. */
    private static final int LANES = 8;
    /** Bytes of shared memory that a kernel declares itself, rounded up. */
    private static final int FIXED = 1024;
    /** Blocks of a multiprocessor that registers leave room for. */
    private static final int RESIDENT = 4;

    private static final Factor NO_FACTOR = new Factor(null, null);

    private final Cuda cuda;
    private final Normalization host;
    private final Tickets tickets;
    private final Entry layerNorm;
    private final Entry rmsNorm;
    private final Entry layerNormBackward;
    private final Entry rmsNormBackward;
    private final Entry sumPartials;
    private final Entry batchStatistics;
    private final Entry batchNorm;
    private final Entry batchNormSums;
    private final Entry batchNormBackward;
    private final Entry updateRunning;

    CudaNormalization(Cuda cuda, Normalization host) {
        this.cuda = cuda;
        this.host = host;
        this.tickets = new Tickets(cuda.memory());
        this.layerNorm = new Entry(cuda, ROWS, "layer_norm");
        this.rmsNorm = new Entry(cuda, Programmatic.of(cuda, ROWS), "rms_norm");
        this.layerNormBackward = new Entry(cuda, ROWS, "layer_norm_backward");
        this.rmsNormBackward = new Entry(cuda, ROWS, "rms_norm_backward");
        this.sumPartials = new Entry(cuda, ROWS, "sum_partials");
        this.batchStatistics = new Entry(cuda, CHANNELS, "batch_statistics");
        this.batchNorm = new Entry(cuda, CHANNELS, "batch_norm");
        this.batchNormSums = new Entry(cuda, CHANNELS, "batch_norm_sums");
        this.batchNormBackward = new Entry(cuda, CHANNELS, "batch_norm_backward");
        this.updateRunning = new Entry(cuda, CHANNELS, "update_running");
    }

    static List<Variant> variants() {
        return Stream.concat(Programmatic.both(ROWS).stream(), Stream.of(CHANNELS))
                .toList();
    }

    /** Rows of some width, as many at a time as the device has room for. */
    static void shared(DynamicShared out) {
        for (Variant rows : Programmatic.both(ROWS)) {
            for (String entry : new String[] {"layer_norm", "rms_norm", "layer_norm_backward", "rms_norm_backward"}) {
                out.of(rows, entry, DynamicShared.BY_LAUNCH);
            }
        }
    }

    @Override
    public void layerNorm(View x, View gamma, View beta, double eps, View y, View mean, View rstd) {
        if (!dense(gamma, beta, mean, rstd) || !rowNorm(layerNorm, x, gamma, beta, eps, y, mean, rstd)) {
            host.layerNorm(x, gamma, beta, eps, y, mean, rstd);
        }
    }

    @Override
    public void rmsNorm(View x, View weight, double eps, View y, View rstd) {
        if (!dense(weight, rstd) || !rowNorm(rmsNorm, x, weight, null, eps, y, null, rstd)) {
            host.rmsNorm(x, weight, eps, y, rstd);
        }
    }

    private boolean rowNorm(Entry entry, View x, View gamma, View beta, double eps, View y, View mean, View rstd) {
        Rows from = Rows.of(x);
        Rows to = Rows.of(y);
        if (from == null || to == null) {
            return false;
        }
        long width = x.size(-1);
        Teams teams = Teams.of(cuda.properties(), rows(x), width, 1024, 1, 0);
        if (width == 0 || teams == null) {
            return false;
        }
        if (rows(x) == 0) {
            return true;
        }
        long in = cuda.read(x);
        long g = cuda.read(gamma);
        long b = cuda.readOrNull(beta);
        long out = cuda.write(y);
        Arguments a = Arguments.begin();
        from.pack(a, in);
        to.pack(a, out);
        a.pointer(g).pointer(b).pointer(cuda.writeOrNull(mean)).pointer(cuda.writeOrNull(rstd));
        teams.pack(a, rows(x), width, from.isWide(in) && to.isWide(out) && (g | b) % 16 == 0)
                .f32(eps);
        entry.launch(teams.grid(), a);
        return true;
    }

    @Override
    public void layerNormBackward(View x, View gamma, View mean, View rstd, View dy, View dx, View dgamma, View dbeta) {
        if (!dense(gamma, mean, rstd, dgamma, dbeta)
                || !rowNormBackward(layerNormBackward, x, gamma, mean, rstd, dy, dx, dgamma, dbeta)) {
            host.layerNormBackward(x, gamma, mean, rstd, dy, dx, dgamma, dbeta);
        }
    }

    @Override
    public void rmsNormBackward(View x, View weight, View rstd, View dy, View dx, View dweight) {
        if (!dense(weight, rstd, dweight)
                || !rowNormBackward(rmsNormBackward, x, weight, null, rstd, dy, dx, dweight, null)) {
            host.rmsNormBackward(x, weight, rstd, dy, dx, dweight);
        }
    }

    private boolean rowNormBackward(
            Entry entry, View x, View gamma, View mean, View rstd, View dy, View dx, View dgamma, View dbeta) {
        Rows from = Rows.of(x);
        Rows slope = Rows.of(dy);
        Rows to = Rows.of(dx == null ? x : dx);
        if (from == null || slope == null || to == null) {
            return false;
        }
        boolean sums = dgamma != null || dbeta != null;
        long rows = rows(x);
        long width = x.size(-1);
        Teams teams = Teams.of(cuda.properties(), rows, width, 426, 2, sums ? 2 : 0);
        if (width == 0 || teams == null) {
            return false;
        }
        if (dx == null && !sums) {
            return true;
        }
        try (Cuda.Scratch scratch = cuda.scratch()) {
            long in = cuda.read(x);
            long dout = cuda.read(dy);
            long g = cuda.read(gamma);
            long partial = sums ? scratch.take(DType.F32, 2 * width * teams.blocks()) : 0;
            Arguments a = Arguments.begin();
            from.pack(a, in);
            slope.pack(a, dout);
            long m = cuda.readOrNull(mean);
            long r = cuda.read(rstd);
            long din = cuda.writeOrNull(dx);
            to.pack(a, din).pointer(g).pointer(m).pointer(r).pointer(partial);
            boolean wide = from.isWide(in) && slope.isWide(dout) && to.isWide(din) && g % 16 == 0;
            entry.launch(teams.grid(), teams.pack(a, rows, width, wide).i32(0));
            if (sums) {
                Arguments s = Arguments.begin()
                        .pointer(partial)
                        .pointer(cuda.writeOrNull(dgamma))
                        .pointer(cuda.writeOrNull(dbeta))
                        .i32((int) teams.blocks())
                        .i32((int) width);
                sumPartials.launch(Engine.Grid.of(Math.ceilDiv(2 * width, 32), THREADS), s);
            }
        }
        return true;
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

    /**
     * How rows are dealt out to teams of warps.
     *
     * @param warps of a team
     * @param stages rows in shared memory at once
     * @param shared bytes of a block
     */
    private record Teams(int warps, int stages, long blocks, int shared) {
        /**
         * @param comfortable how wide a row one warp takes when there are rows enough
         * @param operands what is kept of a row, times its width
         * @param sums what a team keeps throughout, times a row's width
         * @return null when a row does not fit into shared memory
         */
        static Teams of(Engine.Properties device, long rows, long width, int comfortable, int operands, int sums) {
            int warps = 1;
            while (warps < WARPS
                    && (width > (long) comfortable * warps
                            || rows * warps / WARPS < device.multiprocessors() && width > 128L * warps)) {
                warps *= 2;
            }
            int teams = WARPS / warps;
            long room = Math.ceilDiv(width, 4) * 16 * teams;
            long wanted = Math.max(1, Math.ceilDiv(rows, (long) teams));
            long one = room * (operands + sums);
            long two = room * (2 * operands + sums);
            long most = device.sharedBytes() - FIXED;
            if (one > most) {
                return null;
            }
            boolean ahead = wanted > resident(device, one) && two <= most;
            long shared = ahead ? two : one;
            return new Teams(warps, ahead ? 2 : 1, Math.min(wanted, resident(device, shared)), (int) shared);
        }

        private static long resident(Engine.Properties device, long shared) {
            return device.multiprocessors() * Math.clamp(device.sharedBytes() / (shared + FIXED), 1, RESIDENT);
        }

        Engine.Grid grid() {
            return new Engine.Grid(blocks, 1, 1, THREADS, shared);
        }

        Arguments pack(Arguments a, long rows, long width, boolean wide) {
            return a.i32((int) rows).i32((int) width).i32(warps).i32(stages).i32(wide ? 1 : 0);
        }
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
