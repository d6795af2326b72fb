package io.aegis.models.dadm;

import static io.aegis.kernels.Activation.QUICK_GELU;
import static io.aegis.tensor.Ops.activate;
import static io.aegis.tensor.Ops.concat;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.layers.Linear;
import io.aegis.layers.Pass;
import io.aegis.layers.Stage;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.List;

/** The adapters of all modalities of one layer at once, modality after modality along the batch. */
final class Adapters {
    private final List<CdcAdapter> all;
    private final List<Linear> ups;
    private final int grid;

    /** @param all one a modality */
    Adapters(DadmConfig config, List<CdcAdapter> all) {
        this.all = List.copyOf(all);
        this.ups = all.stream().map(CdcAdapter::up).toList();
        this.grid = config.grid();
    }

    /** From what adapter_down would give without its bias, [3B, N, a], N perhaps 1, to [3B, N, D]. */
    Tensor of(Tensor products, Pass pass) {
        long rows = products.size(0);
        long n = products.size(1);
        long a = products.size(2);
        Tensor[] biases =
                all.stream().map(x -> x.down().bias().tensor().reshape(1, 1, a)).toArray(Tensor[]::new);
        Tensor hidden = products.reshape(all.size(), rows / all.size() * n, a).plus(concat(0, biases));
        Tensor v = activate(QUICK_GELU, hidden).reshape(rows, n, a);
        List<Tensor> kernels = all.stream().map(CdcAdapter::kernel).toList();
        if (n == 1) {
            v = convolved(v.reshape(rows, 1, 1, a), kernels, null).reshape(rows, 1, a);
        } else {
            Tensor[] tokens = Ops.split(v, 1, 1, n - 1);
            Tensor head = convolved(tokens[0].reshape(rows, 1, 1, a), kernels, null);
            v = convolved(tokens[1].reshape(rows, grid, grid, a), kernels, head.reshape(rows, 1, a));
        }
        return Stage.linears(pass.dropout() ? dropped(v, pass) : v, ups);
    }

    private static Tensor convolved(Tensor x, List<Tensor> kernels, Tensor first) {
        return Stage.convolutions(x, kernels, Geometry.SAME_3X3, QUICK_GELU, first);
    }

    /** Each adapter is a dropout of its own. */
    private Tensor dropped(Tensor v, Pass pass) {
        long[] each = new long[all.size()];
        Arrays.fill(each, v.size(0) / all.size());
        Tensor[] parts = Ops.split(v, 0, each);
        for (int k = 0; k < parts.length; k++) {
            parts[k] = all.get(k).dropped(parts[k], pass);
        }
        return concat(0, parts);
    }
}
