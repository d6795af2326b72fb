package io.aegis.cli.verify;

import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Labels;
import io.aegis.models.dadm.Permutations;
import io.aegis.models.dadm.Prototypes;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.Views;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/**
 * What a directory holds of a DADM: weights, inputs, and the values to compare with.
 *
 * @param golden its files
 * @param json its {@code config.json}
 * @param config sizes of the network, from there
 * @param computing how ours is computed
 * @param rows what was compared
 * @param zeroInTraining parameters whose gradients are zero in training mode, but for rounding
 */
record DadmReference(
        Golden golden,
        ConfigJson json,
        DadmConfig config,
        Verification.Computing computing,
        Rows rows,
        Set<String> zeroInTraining) {
    static final String[] MODALITIES = {"color", "depth", "ir"};

    static DadmReference of(Golden golden, ConfigJson json, Verification.Computing computing, Rows rows) {
        Set<String> zeroInTraining = new HashSet<>(json.texts("zero_grad_in_train_mode"));
        DadmConfig config = new DadmConfig(
                json.positive("D"),
                json.positive("heads"),
                json.positive("L"),
                json.positive("G"),
                json.positive("patch"),
                json.positive("mlp"),
                json.positive("mim_h1"),
                json.positive("adapter_dim"),
                json.positive("n_classes"));
        return new DadmReference(golden, json, config, computing, rows, zeroInTraining);
    }

    /** A network with a copy of the reference's weights. */
    final class Model implements AutoCloseable {
        final Parameters parameters = new Parameters();
        final DadmNetwork network = new DadmNetwork(parameters, config);

        private Model() {
            parameters.load(
                    golden.file("weights").path().toString(),
                    golden.keys("weights"),
                    name -> Views.of(golden.file("weights"), name),
                    computing.dtype(),
                    false);
        }

        @Override
        public void close() {
            parameters.close();
        }
    }

    /** A fresh copy of the weights. */
    Model model() {
        return new Model();
    }

    /** Color, depth and infrared. */
    Tensor[] pictures() {
        return new Tensor[] {input("x1"), input("x2"), input("x3")};
    }

    private Tensor input(String name) {
        return golden.tensor("inputs", name, computing.dtype());
    }

    Labels labels() {
        return new Labels(
                golden.longs("inputs", "label"),
                golden.longs("inputs", "domain"),
                golden.longs("inputs", "modality_domain"));
    }

    Permutations permutations() {
        View all = golden.view("inputs", "perm");
        return (layer, pair, argument) -> {
            long[] row = new long[(int) all.size(3)];
            for (int i = 0; i < row.length; i++) {
                row[i] = all.getLong(layer, pair, argument, i);
            }
            return Tensor.of(row, row.length);
        };
    }

    /** The infrared picture as the published prototypes see it: infrared, HOG and PLGF, a channel of each. */
    Tensor compositeInfrared() {
        Tensor[] channels = new Tensor[3];
        String[] names = {"x3", "x3_hog", "x3_plgf"};
        for (int c = 0; c < 3; c++) {
            channels[c] = input(names[c]).slice(1, 0, 1);
        }
        return Ops.concat(1, channels);
    }

    /** Those of epoch 0. */
    Prototypes prototypes() {
        double[][] values = new double[3][];
        for (int k = 0; k < 3; k++) {
            values[k] = golden.doubles("prototypes", "epoch0/" + MODALITIES[k]);
        }
        return Prototypes.of(values, config.classes(), config.width());
    }

    /** Compares with what the reference has under this key; nothing where it has none. */
    void compare(String file, String key, double[] ours, double relative) {
        if (golden.has(file, key)) {
            rows.compare(file + ":" + key, golden.doubles(file, key), ours, relative);
        }
    }

    /** The same for a parameter's values. */
    void compare(String file, String key, Parameter p, double relative) {
        compare(file, key, p.view().toDoubles(), relative);
    }

    /** The largest value, without its sign. */
    static double max(double[] x) {
        return Arrays.stream(x).map(Math::abs).max().orElse(0);
    }
}
