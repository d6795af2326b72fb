package io.aegis.models.dadm;

import static io.aegis.kernels.Activation.QUICK_GELU;
import static io.aegis.tensor.Ops.activate;
import static io.aegis.tensor.Ops.concat;

import io.aegis.layers.CentralDifferenceConv;
import io.aegis.layers.Init;
import io.aegis.layers.Linear;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;

/**
 * Bottleneck adapter around a central-difference convolution (DADM, section 3.2). Class token and patch grid go through
 * the same convolution, the class token as a picture of one pixel. The last linear starts at zero, so that a fresh
 * adapter adds nothing.
 */
final class CdcAdapter {
    private static final double THETA = 0.7;
    private static final double DROPOUT = 0.1;

    private final int grid;
    private final long site;
    private final Linear down;
    private final CentralDifferenceConv conv;
    private final Linear up;

    /** @param site which dropout of the model this is */
    CdcAdapter(Parameters p, DadmConfig config, long site) {
        this.grid = config.grid();
        this.site = site;
        int width = config.width();
        int a = config.adapter();
        conv = new CentralDifferenceConv(p.at("adapter_conv.conv"), a, THETA);
        down = new Linear(p.at("adapter_down"), width, a, Init.xavierUniform(width, a), Init.ZEROS);
        up = new Linear(p.at("adapter_up"), a, width, Init.ZEROS, Init.ZEROS);
    }

    /** z [B, N, D] to [B, N, D]. */
    Tensor of(Tensor z, Pass pass) {
        return bend(down.of(z), pass);
    }

    /** What takes z in: D to a. */
    Linear down() {
        return down;
    }

    /** What gives it back: a to D. */
    Linear up() {
        return up;
    }

    /** The convolution's kernel, [a, a, 3, 3]. */
    Tensor kernel() {
        return conv.kernel();
    }

    /** v as dropout leaves it this time. */
    Tensor dropped(Tensor v, Pass pass) {
        return pass.dropout() ? Ops.dropout(v, DROPOUT, pass.seed(), pass.counter(), site, pass.samples()) : v;
    }

    private Tensor bend(Tensor hidden, Pass pass) {
        long b = hidden.size(0);
        long n = hidden.size(1);
        Tensor v = activate(QUICK_GELU, hidden); //                                    [B, N, a]
        long a = v.size(2);
        Tensor kernel = conv.kernel();
        Tensor head = CentralDifferenceConv.of(v.slice(1, 0, 1).reshape(b, 1, 1, a), kernel)
                .reshape(b, 1, a);
        Tensor map = CentralDifferenceConv.of(v.slice(1, 1, n).reshape(b, grid, grid, a), kernel);
        v = activate(QUICK_GELU, concat(1, head, map.reshape(b, n - 1, a)));
        return up.of(dropped(v, pass));
    }
}
