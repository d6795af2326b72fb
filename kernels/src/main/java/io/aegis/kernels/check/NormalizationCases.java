package io.aegis.kernels.check;

import static io.aegis.kernels.check.Case.GRADIENT;
import static io.aegis.kernels.check.Case.of;
import static io.aegis.kernels.check.Case.sizes;
import static io.aegis.kernels.check.Case.to;

import io.aegis.kernels.Activation;
import io.aegis.kernels.View;

/** Layer, RMS and batch norm, forward and back. */
final class NormalizationCases {
    private NormalizationCases() {}

    static Case layerNorm(Draw d) {
        View x = d.normal(d.size(100), d.size(1200));
        View gamma = d.normal(x.size(1));
        View beta = d.normal(x.size(1));
        return new Case(
                "layer norm " + sizes(x),
                GRADIENT,
                GRADIENT,
                to(d.destination(x.shape()), d.destination(x.size(0)), d.destination(x.size(0))),
                (kernels, out) -> kernels.normalization().layerNorm(x, gamma, beta, 1e-5, out[0], out[1], out[2]));
    }

    static Case layerNormBackward(Draw d) {
        View x = d.normal(d.size(100), 2 + d.size(1200));
        View gamma = d.normal(x.size(1));
        View mean = d.normal(x.size(0));
        View rstd = d.positive(x.size(0));
        View dy = d.normal(x.shape());
        return new Case(
                "layer norm backward " + sizes(x),
                GRADIENT,
                GRADIENT,
                to(d.destination(x.shape()), d.destination(x.size(1)), d.destination(x.size(1))),
                (kernels, out) ->
                        kernels.normalization().layerNormBackward(x, gamma, mean, rstd, dy, out[0], out[1], out[2]));
    }

    static Case rmsNorm(Draw d) {
        View x = d.normal(d.size(100), d.size(1200));
        View weight = d.normal(x.size(1));
        return of(
                "RMS norm " + sizes(x),
                to(d.destination(x.shape()), d.destination(x.size(0))),
                (kernels, out) -> kernels.normalization().rmsNorm(x, weight, 1e-5, out[0], out[1]));
    }

    static Case rmsNormBackward(Draw d) {
        View x = d.normal(d.size(100), d.size(1200));
        View weight = d.normal(x.size(1));
        View rstd = d.positive(x.size(0));
        View dy = d.normal(x.shape());
        return new Case(
                "RMS norm backward " + sizes(x),
                GRADIENT,
                GRADIENT,
                to(d.destination(x.shape()), d.destination(x.size(1))),
                (kernels, out) -> kernels.normalization().rmsNormBackward(x, weight, rstd, dy, out[0], out[1]));
    }

    static Case batchNorm(Draw d) {
        View x = d.normal(d.of(1, 3), d.size(20), d.size(20), d.size(200));
        long c = x.size(3);
        View gamma = d.normal(c);
        View beta = d.normal(c);
        View mean = d.normal(c);
        View variance = d.positive(c);
        Activation f = d.coin() ? Activation.RELU : Activation.SIGMOID;
        return of(
                "batch norm " + sizes(x) + " " + f,
                to(d.destination(x.shape()), d.destination(c), d.destination(c)),
                (kernels, out) -> {
                    kernels.normalization().batchNorm(x, gamma, beta, mean, variance, 1e-5, f, out[0]);
                    kernels.normalization().batchStatistics(x, out[1], out[2]);
                });
    }

    static Case batchNormBackward(Draw d) {
        View x = d.normal(d.of(1, 3), d.size(20), d.size(20), d.size(200));
        long c = x.size(3);
        View gamma = d.normal(c);
        View mean = d.normal(c);
        View variance = d.positive(c);
        View dy = d.normal(x.shape());
        boolean batch = d.coin();
        return new Case(
                "batch norm backward " + sizes(x),
                GRADIENT,
                GRADIENT,
                to(d.destination(x.shape()), d.destination(c), d.destination(c)),
                (kernels, out) -> kernels.normalization()
                        .batchNormBackward(x, gamma, mean, variance, 1e-5, batch, dy, out[0], out[1], out[2]));
    }
}
