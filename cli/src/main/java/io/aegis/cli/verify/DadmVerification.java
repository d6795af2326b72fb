package io.aegis.cli.verify;

import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Hyperplanes;
import io.aegis.models.dadm.Labels;
import io.aegis.models.dadm.LiteralLosses;
import io.aegis.models.dadm.Losses;
import io.aegis.models.dadm.Permutations;
import io.aegis.models.dadm.Prototypes;
import io.aegis.models.dadm.ReGrad;
import io.aegis.models.dadm.Recipe;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.training.dadm.Batch;
import io.aegis.training.dadm.DadmStep;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.Views;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Compares a whole DADM: the forward pass with every layer in evaluation and training mode, losses, the gradients of the
 * four losses, their combination, an Adam step, the hyperplanes, three iterations of the published loop, and the unit
 * cases. Losses take the prototypes of epoch 0, dropout is off, permutations are given.
 */
final class DadmVerification {
    private static final String[] MODALITIES = {"color", "depth", "ir"};
    private static final String[] LOSSES = {"total", "m1", "m2", "m3"};

    private static final Recipe DECAYING = new Recipe(true, Recipe.Regrad.FIXED, false, false, false, true, true);

    /** Below it Adam's first step is the sign of rounding noise: g / |g|. */
    private static final double TINY_GRADIENT = 1e-6;

    private final Golden golden;
    private final ConfigJson json;
    private final DadmConfig config;
    private final Verification.Computing computing;
    private final Rows rows;
    private final Set<String> zeroInTraining;

    DadmVerification(Golden golden, ConfigJson json, Verification.Computing computing, Rows rows) {
        this.golden = golden;
        this.json = json;
        this.computing = computing;
        this.rows = rows;
        zeroInTraining = new HashSet<>(json.texts("zero_grad_in_train_mode"));
        config = new DadmConfig(
                json.positive("D"),
                json.positive("heads"),
                json.positive("L"),
                json.positive("G"),
                json.positive("patch"),
                json.positive("mlp"),
                json.positive("mim_h1"),
                json.positive("adapter_dim"),
                json.positive("n_classes"));
    }

    void run() {
        prototypes();
        for (String mode : new String[] {"eval", "train"}) {
            pass(mode);
            for (String recipe : new String[] {"official", "fixed"}) {
                step(mode, recipe);
            }
            hyperplanes(mode);
        }
        threeIterations();
        if (golden.has("cases")) {
            new DadmCases(golden, rows, json).run();
        }
    }

    /** A fresh copy of the reference's weights. */
    private final class Model implements AutoCloseable {
        final Parameters parameters = new Parameters();
        final DadmNetwork network = new DadmNetwork(parameters, config);

        Model() {
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

    private Tensor[] pictures() {
        return new Tensor[] {input("x1"), input("x2"), input("x3")};
    }

    private Tensor input(String name) {
        return golden.tensor("inputs", name, computing.dtype());
    }

    private Labels labels() {
        return new Labels(
                golden.longs("inputs", "label"),
                golden.longs("inputs", "domain"),
                golden.longs("inputs", "modality_domain"));
    }

    private Permutations permutations() {
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
    private Tensor compositeInfrared() {
        Tensor[] channels = new Tensor[3];
        String[] names = {"x3", "x3_hog", "x3_plgf"};
        for (int c = 0; c < 3; c++) {
            channels[c] = input(names[c]).slice(1, 0, 1);
        }
        return Ops.concat(1, channels);
    }

    private Prototypes goldenPrototypes() {
        double[][] values = new double[3][];
        for (int k = 0; k < 3; k++) {
            values[k] = golden.doubles("prototypes", "epoch0/" + MODALITIES[k]);
        }
        return Prototypes.of(values, config.classes(), config.width());
    }

    private void prototypes() {
        try (Model model = new Model();
                Scope scope = Scope.open(computing.kernels())) {
            Tensor[] x = pictures();
            x[2] = compositeInfrared();
            Tensor[] features =
                    model.network.forward(x, Pass.EVALUATION, null, Probe.NONE).features();
            Prototypes fresh = Prototypes.ofBatch(features, labels().prototype(), config.classes());
            double[][] before = new double[3][];
            for (int k = 0; k < 3; k++) {
                before[k] = golden.doubles("inputs", "proto_prev_" + MODALITIES[k]);
            }
            Prototypes previous = Prototypes.of(before, config.classes(), config.width());
            comparePrototypes("epoch0", fresh);
            comparePrototypes("epoch1_official", fresh.withMomentum(previous, Recipe.OFFICIAL));
            // The reference's fixed prototypes mend the exchange of modalities only; absent classes still decay.
            comparePrototypes("epoch1_fixed", fresh.withMomentum(previous, DECAYING));
        }
    }

    private void comparePrototypes(String name, Prototypes p) {
        for (int k = 0; k < 3; k++) {
            String key = name + "/" + MODALITIES[k];
            if (golden.has("prototypes", key)) {
                rows.compare("prototypes:" + key, golden.doubles("prototypes", key), p.values(k), Rows.OUTPUT);
            }
        }
    }

    /** One forward pass with everything that comes of it. */
    private void pass(String mode) {
        boolean train = mode.equals("train");
        Pass pass = new Pass(train, train, false, 0, 0, null);
        try (Model model = new Model();
                Scope scope = Scope.open(computing.kernels());
                Tape tape = Tape.record()) {
            String inter = "inter-" + mode;
            Probe probe = (name, value) -> {
                if (golden.has(inter, name)) {
                    rows.compare(inter + ":" + name, golden.doubles(inter, name), value.toDoubles(), Rows.OUTPUT);
                }
            };
            DadmNetwork.Output out = model.network.forward(pictures(), pass, permutations(), probe);
            LiteralLosses literal = LiteralLosses.of(model.network, out, labels(), goldenPrototypes(), false);
            outputs("outputs-" + mode, out, literal);
            if (train && golden.has("bn-after-train")) {
                for (String key : golden.keys("bn-after-train")) {
                    Parameter p = model.parameters.get(key);
                    if (p != null) {
                        compare("bn-after-train", key, p.view().toDoubles(), Rows.OUTPUT);
                    }
                }
            }
            gradients(mode, model, tape, out, literal.losses());
        }
        shortPass(mode);
    }

    /** The pass that scoring takes, which leaves out what only losses and probes need. */
    private void shortPass(String mode) {
        String file = "outputs-" + mode;
        if (!golden.has(file)) {
            return;
        }
        try (Model model = new Model();
                Scope scope = Scope.open(computing.kernels())) {
            Pass pass = new Pass(mode.equals("train"), false, false, 0, 0, null);
            DadmNetwork.Output out = model.network.forward(pictures(), pass, null, Probe.NONE);
            compareShort(file, "out_all", out.logits());
            for (int k = 1; k <= 3; k++) {
                compareShort(file, "feat_" + k, out.features()[k - 1]);
            }
        }
    }

    private void compareShort(String file, String key, Tensor ours) {
        if (golden.has(file, key)) {
            rows.compare(
                    file + ":" + key + " (scoring pass)", golden.doubles(file, key), ours.toDoubles(), Rows.OUTPUT);
        }
    }

    private void outputs(String file, DadmNetwork.Output out, LiteralLosses literal) {
        if (!golden.has(file)) {
            return;
        }
        Map<String, Tensor> ours = new LinkedHashMap<>();
        ours.put("out_all", out.logits());
        ours.put("loss/total", literal.losses().total());
        ours.put("loss/angle", literal.angle());
        for (int k = 1; k <= 3; k++) {
            ours.put("feat_" + k, out.features()[k - 1]);
            ours.put("mi_" + k, out.information()[k - 1]);
            ours.put("mi_loss" + k, out.mutualInformation()[k - 1]);
            ours.put("out_d" + k, literal.domainLogits()[k - 1]);
            ours.put("loss/m" + k, literal.losses().modal()[k - 1]);
            ours.put("loss/ce_d" + k, literal.domain()[k - 1]);
            ours.put("loss/ssp_" + k, literal.singleSide()[k - 1]);
            ours.put(
                    "scalar/mi_" + k,
                    Ops.total(Ops.affine(out.information()[k - 1], 1.0 / out.information()[k - 1].elements(), 0)));
        }
        Tensor softmax = Ops.softmax(out.logits());
        ours.put("score", softmax.slice(1, 1, 2));
        ours.forEach((key, tensor) -> {
            if (golden.has(file, key)) {
                compare(file, key, tensor == null ? new double[1] : tensor.toDoubles(), Rows.OUTPUT);
            }
        });
    }

    private void gradients(String mode, Model model, Tape tape, DadmNetwork.Output out, Losses losses) {
        Map<Tensor, Parameter> leaves = new java.util.IdentityHashMap<>();
        model.parameters.trainable().forEach(p -> leaves.put(p.tensor(), p));
        double[] information = new double[3];
        for (int k = 0; k < 3; k++) {
            information[k] =
                    Arrays.stream(out.information()[k].toDoubles()).average().orElseThrow();
        }
        Tensor[] all = {losses.total(), losses.modal()[0], losses.modal()[1], losses.modal()[2]};
        Gradients[] gradients = new Gradients[4];
        for (int i = 0; i < 4; i++) {
            gradients[i] = tape.gradients(all[i], leaves.keySet());
            String file = "grads-" + mode + "-" + LOSSES[i];
            if (!golden.has(file)) {
                continue;
            }
            for (Parameter p : model.parameters.trainable()) {
                Tensor g = gradients[i].of(p.tensor());
                boolean expected = golden.has(file, p.name());
                if (expected && g != null) {
                    gradient(mode, file, p, g);
                } else if (expected) {
                    gradientOfZero(file, p);
                } else if (g != null) {
                    rows.noise(file + ":" + p.name(), g.toDoubles(), 0, "the reference has no gradient here");
                }
            }
        }
        for (Recipe.Regrad kind : Recipe.Regrad.values()) {
            combine(mode, kind, model, gradients, information);
        }
        for (Gradients g : gradients) {
            g.close();
        }
    }

    private void combine(String mode, Recipe.Regrad kind, Model model, Gradients[] gradients, double[] information) {
        String file = "regrad-" + mode + "-"
                + switch (kind) {
                    case OFFICIAL -> "official";
                    case FIXED -> "fixed";
                    case FIXED_HEADS_ONLY -> "fixed_heads_diff";
                };
        if (!golden.has(file)) {
            return;
        }
        List<Parameter> modulated = ReGrad.modulated(model.parameters.trainable(), kind);
        for (Parameter p : model.parameters.trainable()) {
            Tensor total = gradients[0].of(p.tensor());
            if (total == null || !golden.has(file, p.name())) {
                continue;
            }
            try (Scope scope = Scope.open()) {
                Tensor sum = Tensor.copyOf(total.view(), total.dtype());
                if (modulated.contains(p)) {
                    Tensor[] own = new Tensor[3];
                    for (int k = 0; k < 3; k++) {
                        Tensor g = gradients[k + 1].of(p.tensor());
                        own[k] = g == null ? null : Tensor.copyOf(g.view(), g.dtype());
                    }
                    ReGrad.combine(p, sum, own, information);
                }
                gradient(mode, file, p, sum);
            }
        }
    }

    private void gradient(String mode, String file, Parameter p, Tensor g) {
        if (mode.equals("train") && zeroInTraining.contains(p.name())) {
            // A bias in front of batch norm: exactly zero in exact arithmetic. The weight beside it sets the scale.
            String weight = p.name().replaceAll("bias$", "weight");
            double scale = golden.has(file, weight) ? max(golden.doubles(file, weight)) : 1;
            rows.noise(file + ":" + p.name(), g.toDoubles(), Rows.GRADIENT * scale, "zero but for rounding");
            return;
        }
        compare(file, p.name(), g.toDoubles(), Rows.GRADIENT);
    }

    private void gradientOfZero(String file, Parameter p) {
        double[] reference = golden.doubles(file, p.name());
        rows.compare(file + ":" + p.name(), reference, new double[reference.length], Rows.GRADIENT);
    }

    /** Adam's first step from the reference's combined gradient. */
    private void step(String mode, String recipe) {
        String file = "step-" + mode + "-" + recipe;
        String from = "regrad-" + mode + "-" + recipe;
        if (!golden.has(file) || !golden.has(from)) {
            return;
        }
        try (Model model = new Model();
                Scope scope = Scope.open(computing.kernels());
                Adam adam = adam(model.parameters.trainable())) {
            adam.begin(json.number("lr"));
            for (Parameter p : model.parameters.trainable()) {
                if (!golden.has(file, p.name())) {
                    continue;
                }
                boolean[] noise = new boolean[(int) View.count(p.shape())];
                if (golden.has(from, p.name())) {
                    double[] before = golden.doubles("weights", p.name());
                    double[] g = golden.doubles(from, p.name());
                    for (int i = 0; i < g.length; i++) {
                        noise[i] = Math.abs(g[i] + json.number("weight_decay") * before[i]) < TINY_GRADIENT;
                    }
                    adam.update(p, gradientLike(p, from));
                }
                compareStep(file, p, p.view().toDoubles(), noise);
            }
        }
    }

    private Tensor gradientLike(Parameter p, String file) {
        Tensor scratch = Tensor.empty(computing.dtype(), p.view().elements());
        View laidOut = View.of(
                scratch.buffer(), computing.dtype(), 0, p.shape(), p.view().strides());
        computing.kernels().elementwise().copy(golden.view(file, p.name()), laidOut);
        return Tensor.wrap(laidOut, false);
    }

    /**
     * The change of the parameter, not its value, is held to the tolerance: a step is five thousandths of a percent of a
     * weight. What float32 cannot hold of parameter plus change, two roundings, is allowed besides.
     */
    private void compareStep(String file, Parameter p, double[] ours, boolean[] noise) {
        double[] before = golden.doubles("weights", p.name());
        double[] reference = golden.doubles(file, p.name());
        double change = 0;
        for (int i = 0; i < before.length; i++) {
            change = Math.max(change, Math.abs(reference[i] - before[i]));
        }
        rows.compare(
                file + ":" + p.name(),
                reference,
                ours,
                Rows.GRADIENT,
                Math.scalb(max(before), -23),
                noise,
                "g + wd p below " + TINY_GRADIENT,
                change);
    }

    private Adam adam(List<Parameter> parameters) {
        return new Adam(parameters, Adam.Constants.l2(json.number("weight_decay")));
    }

    /** The alignment of the heads: of the initial ones, and after the Adam step of each recipe. */
    private void hyperplanes(String mode) {
        String file = "hyperplane-" + mode;
        if (!golden.has(file)) {
            return;
        }
        for (String state : new String[] {"initial", "official", "fixed"}) {
            try (Model model = new Model()) {
                if (!state.equals("initial")) {
                    for (int j = 0; j < DadmConfig.DOMAINS; j++) {
                        Parameter head = model.network.domainHead(j);
                        View after = golden.view("step-" + mode + "-" + state, head.name());
                        computing.kernels().elementwise().copy(after, head.view());
                    }
                }
                double agreement = Hyperplanes.align(model.network);
                compare(file, state + "/return", new double[] {agreement}, Rows.OUTPUT);
                compare(file, state + "/" + model.network.head().name(), model.network.head(), Rows.OUTPUT);
                for (int j = 0; j < DadmConfig.DOMAINS; j++) {
                    Parameter head = model.network.domainHead(j);
                    compare(file, state + "/" + head.name(), head, Rows.OUTPUT);
                }
            }
        }
    }

    /** Three iterations of the published loop, in evaluation mode, with prototypes of each batch. */
    private void threeIterations() {
        String file = "train3-official";
        if (!golden.has(file)) {
            return;
        }
        try (Model model = new Model();
                Scope scope = Scope.open(computing.kernels());
                Adam adam = adam(model.parameters.trainable());
                DadmStep step = new DadmStep(model.network, model.parameters, Recipe.OFFICIAL, adam, 0)) {
            Batch batch = new Batch(pictures(), compositeInfrared(), labels(), null);
            for (int i = 0; golden.has(file, "iter" + i + "/total"); i++) {
                DadmStep.Report report = step.run(batch, 0, i, json.number("lr"), permutations());
                compare(file, "iter" + i + "/total", new double[] {report.total()}, Rows.OUTPUT);
                for (int k = 0; k < 3; k++) {
                    compare(file, "iter" + i + "/m" + (k + 1), new double[] {report.modal()[k]}, Rows.OUTPUT);
                }
                compare(file, "iter" + i + "/hyper_return", new double[] {report.agreement()}, Rows.OUTPUT);
            }
            for (Parameter p : model.parameters.all()) {
                String key = "after3/" + p.name();
                if (golden.has(file, key)) {
                    compareAfterThree(file, key, p);
                }
            }
        }
    }

    /** Values, not changes: three steps of Adam carry the noise of small gradients along. */
    private void compareAfterThree(String file, String key, Parameter p) {
        double[] ours = p.view().toDoubles();
        boolean[] noise = new boolean[ours.length];
        String gradients = "regrad-eval-official";
        if (golden.has(gradients, p.name())) {
            double[] g = golden.doubles(gradients, p.name());
            double[] before = golden.doubles("weights", p.name());
            for (int i = 0; i < g.length; i++) {
                noise[i] = Math.abs(g[i] + json.number("weight_decay") * before[i]) < TINY_GRADIENT;
            }
        }
        rows.compare(
                file + ":" + key,
                golden.doubles(file, key),
                ours,
                Rows.OUTPUT,
                noise,
                "g + wd p below " + TINY_GRADIENT);
    }

    private void compare(String file, String key, Parameter p, double relative) {
        compare(file, key, p.view().toDoubles(), relative);
    }

    private void compare(String file, String key, double[] ours, double relative) {
        if (golden.has(file, key)) {
            rows.compare(file + ":" + key, golden.doubles(file, key), ours, relative);
        }
    }

    private static double max(double[] x) {
        return Arrays.stream(x).map(Math::abs).max().orElse(0);
    }
}
