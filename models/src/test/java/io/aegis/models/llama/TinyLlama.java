package io.aegis.models.llama;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Probe;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.SplittableRandom;

/** A Llama of a few thousand weights, all drawn so that no path through it is zero. */
public final class TinyLlama implements AutoCloseable {
    public static final LlamaConfig CONFIG =
            new LlamaConfig(40, 24, 36, 2, 6, 2, 4, 1e-5, 10000, RopeScaling.NONE, false, 64);

    public final Parameters parameters = new Parameters();
    public final LlamaNetwork network;

    public TinyLlama(LlamaConfig config, DType dtype, boolean frozen) {
        network = new LlamaNetwork(parameters, config);
        if (frozen) {
            network.frozen();
        }
        fill(parameters, dtype, 5);
    }

    public static TinyLlama frozen() {
        return new TinyLlama(CONFIG, DType.F32, true);
    }

    /** Values in place for declared parameters. */
    public static void fill(Parameters p, DType dtype, long seed) {
        p.initialize(dtype, seed);
        SplittableRandom random = new SplittableRandom(seed);
        for (Parameter parameter : p.all()) {
            View v = parameter.view();
            boolean gain = parameter.shape().length == 1;
            for (long i = 0; i < v.elements(); i++) {
                double z = random.nextDouble(-1, 1);
                v.setAt(v.position(i), gain ? 1 + 0.5 * z : 0.6 * z);
            }
        }
    }

    /** Ids that look random, [1, n], and begin alike for every n. */
    public static int[] prompt(int n, int seed) {
        int[] ids = new int[n];
        for (int i = 0; i < n; i++) {
            ids[i] = Math.floorMod((i + 3) * (seed + 7) * 2654435 >>> 5, 40);
        }
        return ids;
    }

    static Tensor ids(int[]... rows) {
        long[] flat = new long[rows.length * rows[0].length];
        for (int i = 0; i < flat.length; i++) {
            flat[i] = rows[i / rows[0].length][i % rows[0].length];
        }
        return Tensor.of(flat, rows.length, rows[0].length);
    }

    /** Hidden states of all tokens of one prompt, without a cache; one row a token. */
    double[][] whole(int[] prompt) {
        return rows(network.hidden(
                network.embed(ids(prompt)),
                LlamaNetwork.positions(0, prompt.length),
                AttentionMask.causal(),
                null,
                Probe.NONE));
    }

    static double[][] rows(Tensor hidden) {
        double[] flat = hidden.toDoubles();
        int d = (int) hidden.size(-1);
        double[][] out = new double[flat.length / d][];
        Arrays.setAll(out, i -> Arrays.copyOfRange(flat, i * d, (i + 1) * d));
        return out;
    }

    @Override
    public void close() {
        parameters.close();
    }
}
