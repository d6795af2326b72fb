package io.aegis.kernels.check;

import static io.aegis.kernels.check.Case.of;
import static io.aegis.kernels.check.Case.sizes;
import static io.aegis.kernels.check.Case.to;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.View;

/** What is computed for each element by itself, or moved. */
final class ElementwiseCases {
    private ElementwiseCases() {}

    static Case binary(Draw d) {
        View a = d.positive(d.size(20), d.size(60), d.size(70));
        View b = d.positive(1, a.size(1), 1).expand(a.shape());
        Elementwise.Binary op = Elementwise.Binary.values()[d.below(4)];
        return of(
                op + " " + sizes(a),
                to(d.destination(a.shape()), d.destination(a.shape()), d.changed(a.shape()), d.destination(3, 5)),
                (kernels, out) -> {
                    kernels.elementwise().binary(op, a, b, out[0]);
                    kernels.elementwise().affine(a, 1.5, -2, out[1]);
                    kernels.elementwise().addScaled(b, 0.5, out[2]);
                    kernels.elementwise().fill(out[3], 2.5);
                });
    }

    static Case activation(Draw d) {
        Activation f = Activation.values()[d.below(Activation.values().length)];
        View x = f == Activation.LOG || f == Activation.SQRT ? d.positive(d.size(200), 33) : d.normal(d.size(200), 33);
        View dy = d.normal(x.shape());
        return of(
                "activation " + f + " " + sizes(x),
                to(d.destination(x.shape()), d.destination(x.shape())),
                (kernels, out) -> {
                    kernels.elementwise().activate(f, x, out[0]);
                    kernels.elementwise().activateBackward(f, x, dy, out[1]);
                });
    }

    static Case siluGate(Draw d) {
        View gate = d.normal(d.size(50), d.size(300));
        View up = d.normal(gate.shape());
        View dy = d.normal(gate.shape());
        return of(
                "SiLU gate " + sizes(gate),
                to(d.destination(gate.shape()), d.destination(gate.shape()), d.destination(gate.shape())),
                (kernels, out) -> {
                    kernels.elementwise().siluGate(gate, up, out[0]);
                    kernels.elementwise().siluGateBackward(gate, up, dy, out[1], out[2]);
                });
    }

    static Case copy(Draw d) {
        View x = d.normal(d.size(30), d.size(70), d.size(70)).permute(0, 2, 1);
        DType to = d.coin() ? DType.F32 : d.coin() ? DType.BF16 : DType.F16;
        return of("copy " + x + " to " + to, to(d.destination(to, x.shape())), (kernels, out) -> kernels.elementwise()
                .copy(x, out[0]));
    }

    static Case dropout(Draw d) {
        View x = d.normal(d.size(20), d.size(300));
        View samples = d.indices(1000, x.size(0));
        View step = d.indices(1000, 1);
        return of("dropout " + sizes(x), to(d.destination(x.shape())), (kernels, out) -> kernels.elementwise()
                .dropout(x, 0.3, 42, step, samples, 5, out[0]));
    }

    static Case gather(Draw d) {
        View x = d.normal(d.size(100), d.size(100));
        View index = d.indices(x.size(0), d.size(150));
        return of(
                "gather " + sizes(x),
                to(d.destination(index.size(0), x.size(1))),
                (kernels, out) -> kernels.elementwise().gather(x, index, out[0]));
    }

    static Case scatterAdd(Draw d) {
        long rows = d.size(60);
        View index = d.indices(rows, d.size(150));
        View y = d.normal(index.size(0), d.size(100));
        return of("scatter-add " + sizes(y), to(d.changed(rows, y.size(1))), (kernels, out) -> kernels.elementwise()
                .scatterAdd(y, index, out[0]));
    }
}
