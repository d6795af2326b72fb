package io.aegis.cli.gpu.bench;

import io.aegis.cli.workload.Operands;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.kernels.VisionMasking;
import java.util.List;

/**
 * PVTM's choice among the float32 vision tokens of one picture and its auxiliary one: cosines, softmax, the exact greatest half, the
 * draw and the list of what stays. The same tokens at every call, as the projector has just written them.
 *
 * @param tokens of both pictures
 * @param width of the language model
 */
public record VisionMaskingWork(long tokens, long width) implements KernelWork {
    private static final long SEED = 42;

    @Override
    public String name() {
        return "vision masking f32, " + tokens + " x " + width + ", one picture";
    }

    @Override
    public Unit unit() {
        return Unit.MICROSECONDS;
    }

    @Override
    public double amount() {
        return 1;
    }

    @Override
    public Unit bound() {
        return Unit.GIGABYTES;
    }

    /** The tokens, once. */
    @Override
    public double load() {
        return (double) DType.F32.bytes() * tokens * width;
    }

    @Override
    public Call call(Operands make) {
        View all = make.normal(DType.F32, 1, tokens, width);
        View prompt = make.normal(DType.F32, 1, 1, width);
        View samples = make.empty(DType.I64, 1);
        make.kernels().elementwise().fill(samples, 0);
        View cosine = make.empty(DType.F64, 1, tokens);
        View importance = make.empty(DType.F64, 1, tokens);
        View top = make.empty(DType.BOOL, 1, tokens);
        View kept = make.empty(DType.I64, 1, tokens);
        View counts = make.empty(DType.I64, 1);
        VisionMasking.Rule rule = new VisionMasking.Rule(1, (int) tokens / 2, 0.5, 1, SEED, 0, 0);
        return new Call(
                k -> k.visionMasking().select(all, prompt, samples, rule, cosine, importance, top, kept, counts),
                List.of());
    }
}
