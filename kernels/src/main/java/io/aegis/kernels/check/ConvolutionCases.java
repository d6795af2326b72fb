package io.aegis.kernels.check;

import static io.aegis.kernels.check.Case.GRADIENT;
import static io.aegis.kernels.check.Case.of;
import static io.aegis.kernels.check.Case.sizes;
import static io.aegis.kernels.check.Case.to;

import io.aegis.kernels.Convolution;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;

/** One convolution, dense or depthwise, forward and back. */
final class ConvolutionCases {
    private ConvolutionCases() {}

    private record Conv(View x, View w, Convolution.Geometry g, long[] out) {
        static Conv draw(Draw d) {
            boolean depthwise = d.below(4) == 0;
            int k = d.of(1, 3, 3, 4);
            long c = depthwise ? d.size(72) : d.of(3, 8, 16, 24, 33, 64);
            long o = depthwise ? c : d.of(1, 8, 16, 24, 33, 72);
            k = depthwise ? 3 : k;
            int stride = k == 4 ? 4 : d.of(1, 1, 2);
            int padding = k == 3 ? 1 : 0;
            long h = k + d.below(14);
            long w = k + d.below(14);
            Convolution.Geometry g = new Convolution.Geometry(stride, padding, depthwise ? (int) c : 1);
            long i = depthwise ? 1 : c;
            View weight = d.convolutionWeight(o, i, k);
            View x = d.normal(d.of(1, 3), h, w, c);
            return new Conv(x, weight, g, new long[] {x.size(0), g.out(h, k), g.out(w, k), o});
        }

        String name() {
            return sizes(x) + " " + sizes(w) + " " + g;
        }
    }

    static Case convolution(Draw d) {
        Conv c = Conv.draw(d);
        View bias = d.coin() ? d.normal(c.out[3]) : null;
        return of("convolution " + c.name(), to(d.destination(c.out)), (kernels, out) -> kernels.convolution()
                .forward(c.x, c.w, bias, c.g, out[0]));
    }

    static Case convolutionBackward(Draw d) {
        Conv c = Conv.draw(d);
        View dy = d.normal(c.out);
        View dw = d.destination(c.w.shape());
        View laidOut = View.of(dw.buffer(), DType.F32, dw.offset(), c.w.shape(), c.w.strides());
        return new Case(
                "convolution backward " + c.name(),
                GRADIENT,
                GRADIENT,
                to(d.destination(c.x.shape()), laidOut, d.destination(c.out[3])),
                (kernels, out) -> {
                    kernels.convolution().backwardInput(dy, c.w, c.g, out[0]);
                    kernels.convolution().backwardWeight(c.x, dy, c.g, out[1], out[2]);
                });
    }
}
