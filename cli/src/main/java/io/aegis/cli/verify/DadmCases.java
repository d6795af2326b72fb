package io.aegis.cli.verify;

import io.aegis.kernels.AdamStep;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import io.aegis.models.dadm.AngleLoss;
import io.aegis.models.dadm.Hyperplanes;
import io.aegis.models.dadm.Labels;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.training.metrics.PaperProtocol;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Split;
import io.aegis.weights.ConfigJson;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** The unit cases of {@code cases.safetensors}, each part alone, in double on the plain kernels. */
final class DadmCases {
    private static final String FILE = "cases";

    /** Both sides compute in double; 1e-9 leaves room for another order of summation. */
    private static final double EXACT = 1e-9;

    private final Golden golden;
    private final Rows rows;
    private final ConfigJson config;
    private final Kernels kernels = Backends.scalar();

    DadmCases(Golden golden, Rows rows, ConfigJson config) {
        this.golden = golden;
        this.rows = rows;
        this.config = config;
    }

    void run() {
        for (String name : cases("angle")) {
            angle("angle/" + name);
        }
        if (golden.has(FILE, "ssp/feat")) {
            singleSide();
        }
        if (golden.has(FILE, "mi/m1")) {
            mutualInformation();
        }
        for (String theta : cases("cdc")) {
            centralDifference("cdc/" + theta, Double.parseDouble(theta));
        }
        for (String name : cases("modulate")) {
            modulate("modulate/" + name);
        }
        for (String rate : cases("adam")) {
            adam("adam/" + rate, Double.parseDouble(rate));
        }
        for (String name : cases("hyper")) {
            hyperplanes("hyper/" + name);
        }
        for (String name : cases("metrics")) {
            metrics("metrics/" + name);
        }
    }

    /** The second parts of the keys that begin with {@code family}. */
    private Set<String> cases(String family) {
        Set<String> names = new TreeSet<>();
        for (String key : golden.keys(FILE)) {
            if (key.startsWith(family + "/")) {
                names.add(key.split("/")[1]);
            }
        }
        return names;
    }

    private View leaf(String key, Arena arena) {
        View from = golden.view(FILE, key);
        View copy = View.allocate(arena, DType.F64, from.shape());
        kernels.elementwise().copy(from, copy);
        return copy;
    }

    private void compare(String key, double[] ours) {
        rows.compare(FILE + ":" + key, golden.doubles(FILE, key), ours, EXACT);
    }

    /** Keys that are the question, not the answer. */
    private void given(String... keys) {
        for (String key : keys) {
            rows.given(FILE + ":" + key);
        }
    }

    private void angle(String at) {
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open(kernels);
                Tape tape = Tape.record()) {
            Tensor[] features = new Tensor[3];
            for (int k = 0; k < 3; k++) {
                features[k] = Tensor.wrap(leaf(at + "/f" + (k + 1), arena), true);
            }
            long[] label = golden.longs(FILE, at + "/label");
            long[] domain = golden.longs(FILE, at + "/domain");
            together(at, tape, features, Tensor.of(label, label.length), Tensor.of(domain, domain.length));
            Tensor loss = AngleLoss.literal(features, new Labels(label, label, domain));
            compare(at + "/loss", new double[] {loss == null ? 0 : loss.item()});
            if (loss == null) {
                for (int k = 0; k < 3; k++) {
                    compare(at + "/g" + (k + 1), new double[(int) features[k].elements()]);
                }
                return;
            }
            try (Gradients g = tape.gradients(loss, List.of(features))) {
                for (int k = 0; k < 3; k++) {
                    compare(at + "/g" + (k + 1), g.of(features[k]).toDoubles());
                }
            }
        } finally {
            given(at + "/f1", at + "/f2", at + "/f3", at + "/label", at + "/domain");
        }
    }

    /** The angles as training computes them. */
    private void together(String at, Tape tape, Tensor[] features, Tensor live, Tensor domain) {
        Tensor loss = AngleLoss.of(features, live, domain);
        String how = " (one operation)";
        rows.compare(FILE + ":" + at + "/loss" + how, golden.doubles(FILE, at + "/loss"), loss.toDoubles(), EXACT);
        try (Gradients g = tape.gradients(loss, List.of(features))) {
            for (int k = 0; k < 3; k++) {
                double[] expected = golden.doubles(FILE, at + "/g" + (k + 1));
                rows.compare(
                        FILE + ":" + at + "/g" + (k + 1) + how,
                        expected,
                        g.of(features[k]).toDoubles(),
                        EXACT);
            }
        }
    }

    private void singleSide() {
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open(kernels);
                Tape tape = Tape.record()) {
            Tensor feature = Tensor.wrap(leaf("ssp/feat", arena), true);
            Tensor prototypes = golden.tensor(FILE, "ssp/proto", DType.F64);
            long[] domain = golden.longs(FILE, "ssp/domain");
            Tensor distances = Ops.negativeDistance(feature, prototypes, false);
            Tensor loss = Ops.crossEntropy(distances, Tensor.of(domain, domain.length));
            compare("ssp/loss", new double[] {loss.item()});
            try (Gradients g = tape.gradients(loss, List.of(feature))) {
                compare("ssp/gfeat", g.of(feature).toDoubles());
            }
        }
        given("ssp/feat", "ssp/proto", "ssp/domain");
    }

    private void mutualInformation() {
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open(kernels);
                Tape tape = Tape.record()) {
            View m1 = leaf("mi/m1", arena);
            View m2 = leaf("mi/m2", arena);
            long b = m1.size(0);
            Tensor a = Tensor.wrap(m1.reshape(b, m1.elements() / b), true);
            Tensor c = Tensor.wrap(m2.reshape(b, m2.elements() / b), true);
            long[] p1 = golden.longs(FILE, "mi/perm1");
            long[] p2 = golden.longs(FILE, "mi/perm2");
            Tensor loss = Ops.mutualInformation(a, c, Tensor.of(p1, p1.length), Tensor.of(p2, p2.length));
            compare("mi/loss", new double[] {loss.item()});
            try (Gradients g = tape.gradients(loss, List.of(a, c))) {
                compare("mi/g1", g.of(a).toDoubles());
                compare("mi/g2", g.of(c).toDoubles());
            }
        }
        given("mi/m1", "mi/m2", "mi/perm1", "mi/perm2");
    }

    /** Given channels first, as PyTorch has it; u is the gradient that comes in. */
    private void centralDifference(String at, double theta) {
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open(kernels);
                Tape tape = Tape.record()) {
            Tensor x = Tensor.wrap(leaf(at + "/x", arena), true);
            Tensor w = Tensor.wrap(leaf(at + "/w", arena), true);
            Tensor kernel = Ops.centralDifference(w, theta);
            Tensor y = Ops.conv2d(x.permute(0, 2, 3, 1), kernel, null, Geometry.SAME_3X3)
                    .permute(0, 3, 1, 2);
            compare(at + "/y", y.toDoubles());
            Tensor loss = Ops.total(y.times(golden.tensor(FILE, at + "/u", DType.F64)));
            try (Gradients g = tape.gradients(loss, List.of(x, w))) {
                compare(at + "/gx", g.of(x).toDoubles());
                compare(at + "/gw", g.of(w).toDoubles());
            }
        }
        given(at + "/x", at + "/w", at + "/u");
    }

    /** Slow: each of the others along the main gradient. Fast: the main one along the sum of the others. */
    private void modulate(String at) {
        try (Arena arena = Arena.ofConfined()) {
            View main = leaf(at + "/in_main", arena);
            View sub1 = leaf(at + "/in_sub1", arena);
            View sub2 = leaf(at + "/in_sub2", arena);
            String slow = at + "/get_slow_modal_grad/";
            compare(slow + "main", main.toDoubles());
            compare(slow + "sub1", modulated(main, sub1, sub2, new double[] {1, 1, 0}));
            compare(slow + "sub2", modulated(main, sub1, sub2, new double[] {1, 0, 1}));
            String fast = at + "/get_fast_modal_grad/";
            compare(fast + "main", modulated(main, sub1, sub2, new double[] {1, 2, 0}));
            compare(fast + "sub1", sub1.toDoubles());
            compare(fast + "sub2", sub2.toDoubles());
        }
        given(at + "/in_main", at + "/in_sub1", at + "/in_sub2");
    }

    /** What a correction adds to what is not modulated, with mu that leave one modulated gradient of it. */
    private double[] modulated(View main, View sub1, View sub2, double[] mu) {
        try (Arena arena = Arena.ofConfined()) {
            View out = View.allocate(arena, DType.F64, main.shape());
            View information = View.allocate(arena, DType.F64, mu.length);
            for (int k = 0; k < mu.length; k++) {
                information.setAt(k, mu[k]);
            }
            Optimizer.Correction c = new Optimizer.Correction(out, null, main, sub1, sub2, 0);
            kernels.optimizer().regrad(List.of(c), information);
            double[] modulated = out.toDoubles();
            for (View plain : c.isSlow(mu) ? List.of(main) : List.of(sub1, sub2)) {
                double[] known = plain.toDoubles();
                Arrays.setAll(modulated, i -> modulated[i] - known[i]);
            }
            return modulated;
        }
    }

    private void adam(String at, double rate) {
        try (Arena arena = Arena.ofConfined()) {
            View p = leaf(at + "/p0", arena);
            View first = View.allocate(arena, DType.F64, p.shape());
            View second = View.allocate(arena, DType.F64, p.shape());
            given(at + "/p0");
            Optimizer.Adam c = new Optimizer.Adam(0.9, 0.999, 1e-8, config.number("weight_decay"), false);
            for (int i = 0; golden.has(FILE, at + "/g" + i); i++) {
                View step = AdamStep.of(c, rate, i + 1).in(arena);
                kernels.optimizer().adam(p, leaf(at + "/g" + i, arena), first, second, c, step);
                given(at + "/g" + i);
                compare(at + "/p" + (i + 1), p.toDoubles());
            }
        }
    }

    private void hyperplanes(String at) {
        try (Arena arena = Arena.ofConfined()) {
            View[] heads = new View[3];
            for (int j = 0; j < 3; j++) {
                heads[j] = leaf(at + "/fc_d" + (j + 1), arena);
                given(at + "/fc_d" + (j + 1));
            }
            View common = View.allocate(arena, DType.F64, heads[0].shape());
            int times = 0;
            for (; golden.has(FILE, at + "/return" + times); times++) {
                compare(at + "/return" + times, new double[] {Hyperplanes.align(heads, common)});
            }
            String after = at + "/after" + times + "/fc_";
            compare(after + "all", common.toDoubles());
            for (int j = 0; j < 3; j++) {
                compare(after + "d" + (j + 1), heads[j].toDoubles());
            }
        }
    }

    private void metrics(String at) {
        double[] score = golden.doubles(FILE, at + "/score");
        long[] label = golden.longs(FILE, at + "/label");
        boolean[] bonaFide = new boolean[label.length];
        for (int i = 0; i < label.length; i++) {
            bonaFide[i] = label[i] == 1;
        }
        PaperProtocol p = PaperProtocol.of(Scores.of(at, Split.TEST, score, bonaFide));
        compare(at + "/acc_auc_hter", new double[] {p.accuracy(), p.auc(), p.hter()});
        given(at + "/score", at + "/label");
    }
}
