package io.aegis.kernels.check;

import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import java.util.Arrays;
import java.util.function.BiConsumer;

/** Norms and losses of 16-bit numbers: arithmetic is of float32, so that what is compared was rounded once. */
final class NarrowCases {
    private NarrowCases() {}

    private static DType type(Draw d) {
        return d.coin() ? DType.BF16 : DType.F16;
    }

    /** Two sums that differ in the last bits may round to neighbours. */
    private static Case of(String name, DType type, View[] destinations, BiConsumer<Kernels, View[]> call) {
        double tolerance = type == DType.BF16 ? 0x1p-7 : 0x1p-10;
        return new Case(
                name + " " + type + Arrays.toString(destinations[0].shape()), tolerance, tolerance, destinations, call);
    }

    static Case layerNorm(Draw d) {
        DType type = type(d);
        View x = d.normal(type, d.size(100), 2 + d.size(1200));
        View dy = d.normal(type, x.shape());
        DType vectors = d.coin() ? type : DType.F32;
        View gamma = d.normal(vectors, x.size(1));
        View beta = d.normal(vectors, x.size(1));
        View mean = d.normal(x.size(0));
        View rstd = d.positive(x.size(0));
        View[] to = {
            d.destination(type, x.shape()),
            d.destination(type, x.shape()),
            d.destination(vectors, x.size(1)),
            d.destination(vectors, x.size(1))
        };
        return of("layer norm there and back", type, to, (kernels, out) -> {
            kernels.normalization().layerNorm(x, gamma, beta, 1e-5, out[0], null, null);
            kernels.normalization().layerNormBackward(x, gamma, mean, rstd, dy, out[1], out[2], out[3]);
        });
    }

    static Case rmsNorm(Draw d) {
        DType type = type(d);
        View x = d.normal(type, d.size(100), d.size(1200));
        View dy = d.normal(type, x.shape());
        DType vectors = d.coin() ? type : DType.F32;
        View weight = d.normal(vectors, x.size(1));
        View rstd = d.positive(x.size(0));
        View[] to = {d.destination(type, x.shape()), d.destination(type, x.shape()), d.destination(vectors, x.size(1))};
        return of("RMS norm there and back", type, to, (kernels, out) -> {
            kernels.normalization().rmsNorm(x, weight, 1e-5, out[0], null);
            kernels.normalization().rmsNormBackward(x, weight, rstd, dy, out[1], out[2]);
        });
    }

    static Case crossEntropy(Draw d) {
        DType type = type(d);
        View logits = d.normal(type, d.size(70), 1 + d.size(3000));
        View shares = d.normal(type, logits.shape());
        View target = d.indices(logits.size(1), logits.size(0));
        View dloss = d.normal(type, 1);
        View[] to = {d.destination(type, logits.shape()), d.destination(type, 1), d.destination(type, logits.shape())};
        return of("cross-entropy there and back", type, to, (kernels, out) -> {
            kernels.loss().crossEntropy(logits, target, out[1], out[0]);
            kernels.loss().crossEntropyBackward(shares, target, dloss, out[2]);
        });
    }
}
