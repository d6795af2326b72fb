package io.aegis.models.vit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.vit.VitConfig.Kind;
import io.aegis.tensor.GradientCheck;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class VisionTransformerTest {
    /** Four patches, the last column and row of pixels dropped; heads of three channels. */
    private static VitConfig config(Kind kind) {
        boolean siglip = kind == Kind.SIGLIP;
        Activation activation = siglip ? Activation.GELU_TANH : Activation.QUICK_GELU;
        return new VitConfig(kind, 6, 8, 3, 2, 9, 4, activation, siglip ? 1e-6 : 1e-5, siglip);
    }

    /** Values that make no path trivial. */
    private static void fill(Parameters p, DType dtype) {
        p.initialize(dtype, 5);
        SplittableRandom random = new SplittableRandom(7);
        for (Parameter parameter : p.all()) {
            View v = parameter.view();
            for (long i = 0; i < v.elements(); i++) {
                long at = v.position(i);
                v.setAt(at, v.getAt(at) + random.nextDouble(-0.3, 0.3));
            }
        }
    }

    private static Tensor pixels(DType dtype, long pictures) {
        double[] values = new double[(int) pictures * 3 * 81];
        Arrays.setAll(values, i -> Math.sin(0.37 * i) + 0.2 * Math.cos(0.05 * i * i));
        return Tensor.of(dtype, values, pictures, 3, 9, 9);
    }

    @ParameterizedTest
    @EnumSource
    void gradientsReachThePicture(Kind kind) {
        try (Parameters p = new Parameters();
                Scope scope = Scope.open(Backends.scalar())) {
            VisionTransformer tower = new VisionTransformer(p, config(kind));
            fill(p, DType.F64);
            GradientCheck.check(
                    kind + " pooled", in -> tower.forward(in.getFirst()).pooled(), pixels(DType.F64, 1));
            GradientCheck.check(kind + " features", in -> tower.features(in.getFirst(), -2), pixels(DType.F64, 1));
        }
    }

    /** Every parameter of the tower, at its middle element. */
    @ParameterizedTest
    @EnumSource
    void gradientsReachEveryParameter(Kind kind) {
        double h = 1e-5;
        try (Parameters p = new Parameters();
                Scope scope = Scope.open(Backends.scalar())) {
            VisionTransformer tower = new VisionTransformer(p, config(kind));
            fill(p, DType.F64);
            List<Tensor> leaves = p.trainable().stream().map(Parameter::tensor).toList();
            try (Tape tape = Tape.record();
                    Gradients gradients = tape.gradients(loss(tower), leaves)) {
                for (Parameter parameter : p.trainable()) {
                    View v = parameter.view();
                    long at = v.position(v.elements() / 2);
                    double x = v.getAt(at);
                    v.setAt(at, x + h);
                    double up = loss(tower).item();
                    v.setAt(at, x - h);
                    double down = loss(tower).item();
                    v.setAt(at, x);
                    View g = gradients.of(parameter.tensor()).view();
                    double ours = g.getAt(g.position(v.elements() / 2));
                    assertThat(ours).as(parameter.name()).isCloseTo((up - down) / (2 * h), within(1e-7));
                }
            }
        }
    }

    private static Tensor loss(VisionTransformer tower) {
        Tensor pooled = tower.forward(pixels(DType.F64, 2)).pooled();
        double[] weights = new double[(int) pooled.elements()];
        Arrays.setAll(weights, i -> Math.sin(1 + 1.7 * i));
        return Ops.total(pooled.times(Tensor.of(DType.F64, weights, pooled.shape())));
    }

    @ParameterizedTest
    @EnumSource
    void aTowerThatEndsEarlyGivesTheSame(Kind kind) {
        VitConfig config = config(kind);
        try (Parameters p = new Parameters();
                Parameters q = new Parameters();
                Scope scope = Scope.open()) {
            VisionTransformer whole = new VisionTransformer(p, config);
            fill(p, DType.F32);
            VisionTransformer part = new VisionTransformer(q, config, -2);
            List<String> names = q.all().stream().map(Parameter::name).toList();
            q.load("the whole tower", names, name -> p.get(name).view(), DType.F32, false);
            Tensor x = pixels(DType.F32, 2);
            Tensor state = whole.forward(x).hidden().get(2);
            assertThat(part.hidden(x, -2).toDoubles()).isEqualTo(state.toDoubles());
            Tensor patches = kind == Kind.CLIP ? state.slice(1, 1, 5) : state;
            assertThat(part.features(x, -2).shape()).containsExactly(2, 4, 6);
            assertThat(part.features(x, -2).toDoubles()).isEqualTo(patches.toDoubles());
            assertThat(names).noneMatch(n -> n.contains("layers.2.") || n.contains("post_") || n.contains("head."));
            assertThatThrownBy(() -> part.hidden(x, -1))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("built with 2 blocks");
            assertThatThrownBy(() -> part.forward(x)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void pixelsThatFillNoPatchDoNotMatter() {
        try (Parameters p = new Parameters();
                Scope scope = Scope.open()) {
            VisionTransformer tower = new VisionTransformer(p, config(Kind.SIGLIP));
            fill(p, DType.F32);
            Tensor x = pixels(DType.F32, 1);
            double[] before = tower.features(x, -1).toDoubles();
            for (int i = 0; i < 9; i++) {
                x.view().set(100, 0, 1, 8, i);
                x.view().set(100, 0, 2, i, 8);
            }
            assertThat(tower.features(x, -1).toDoubles()).isEqualTo(before);
            x.view().set(100, 0, 2, 7, 7);
            assertThat(tower.features(x, -1).toDoubles()).isNotEqualTo(before);
        }
    }

    @Test
    void attentionSumsToOne() {
        try (Parameters p = new Parameters();
                Scope scope = Scope.open()) {
            VisionTransformer tower = new VisionTransformer(p, config(Kind.CLIP));
            fill(p, DType.F32);
            Tensor weights = tower.attention(tower.hidden(pixels(DType.F32, 1), 0), 0);
            assertThat(weights.shape()).containsExactly(1, 2, 5, 5);
            for (double sum : Ops.sum(weights, -1).toDoubles()) {
                assertThat(sum).isCloseTo(1, within(1e-6));
            }
        }
    }

    @Test
    void picturesOfAnotherSizeAreRefused() {
        try (Parameters p = new Parameters();
                Scope scope = Scope.open()) {
            VisionTransformer tower = new VisionTransformer(p, config(Kind.SIGLIP));
            fill(p, DType.F32);
            assertThatThrownBy(() -> tower.features(Tensor.zeros(DType.F32, 1, 3, 9, 8), -2))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("pixels [1, 3, 9, 8], expected [B, 3, 9, 9]");
        }
    }
}
