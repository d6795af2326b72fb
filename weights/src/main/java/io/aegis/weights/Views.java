package io.aegis.weights;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;

/** From tensors in files to what kernels read. */
public final class Views {
    private Views() {}

    /**
     * A tensor of a checkpoint as a read-only view over the mapped bytes, without a copy. It is as aligned as the file
     * has it, and dies with the checkpoint.
     *
     * @throws WeightsException when there is none of this name, or its type is one that is only listed (such as F8_E4M3)
     */
    public static View of(Checkpoint checkpoint, String name) {
        TensorInfo info = checkpoint.info(name);
        DType dtype = info.dtype()
                .dtype()
                .orElseThrow(
                        () -> WeightsException.of(
                                checkpoint.path(),
                                name,
                                "is stored as " + info.dtype()
                                        + ", which is not supported; expected F64, F32, F16, BF16, I64, I32, I16, I8, U8 or BOOL"));
        return View.of(Buffer.host(checkpoint.bytes(name)), dtype, info.shape());
    }
}
