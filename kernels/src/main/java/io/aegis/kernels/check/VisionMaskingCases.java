package io.aegis.kernels.check;

import static io.aegis.kernels.check.Case.sizes;
import static io.aegis.kernels.check.Case.to;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.kernels.VisionMasking;

/** The choice among vision tokens. */
final class VisionMaskingCases {
    private VisionMaskingCases() {}

    /** Which tokens are chosen is the same everywhere, to the last bit of their cosines. */
    static Case visionMasking(Draw d) {
        int groups = d.of(1, 2);
        long n = groups * d.size(900);
        View tokens = d.matrix(d.coin() ? DType.F32 : DType.BF16, d.of(1, 3), n, d.size(300));
        View prompt = d.normal(tokens.dtype(), tokens.size(0), d.of(1, 1, 4), tokens.size(2));
        View samples = d.indices(1 << 30, tokens.size(0));
        int keep = d.below((int) n / groups + 1);
        VisionMasking.Rule rule = new VisionMasking.Rule(groups, keep, 0.5, 1, 42, 7, 9);
        return new Case(
                "vision masking " + sizes(tokens) + " keep " + keep,
                0,
                0,
                to(
                        d.destination(DType.F64, tokens.size(0), n),
                        d.destination(DType.BOOL, tokens.size(0), n),
                        d.destination(DType.I64, tokens.size(0), n),
                        d.destination(DType.I64, tokens.size(0))),
                (kernels, out) -> kernels.visionMasking()
                        .select(tokens, prompt, samples, rule, out[0], null, out[1], out[2], out[3]));
    }
}
