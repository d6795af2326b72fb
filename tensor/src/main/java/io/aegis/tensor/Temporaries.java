package io.aegis.tensor;

import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;

/** Scratch memory of one operation. */
final class Temporaries {
    private final Kernels kernels;
    private final List<Storage> storages = new ArrayList<>();

    Temporaries(Kernels kernels) {
        this.kernels = kernels;
    }

    View take(DType dtype, long... shape) {
        Storage s = Storage.allocate(View.count(shape) * dtype.bytes());
        storages.add(s);
        return View.of(s.buffer(), dtype, shape);
    }

    /** The same elements as rows [rows, last], dense among themselves; copied only when the strides leave no choice. */
    View rows(View x) {
        View r = Shapes.rows(x);
        if (r != null) {
            return r;
        }
        View copy = take(x.dtype(), x.shape());
        kernels.elementwise().copy(x, copy);
        return Shapes.rows(copy);
    }

    /** @throws IllegalArgumentException for a view that was not taken here */
    Storage of(View temporary) {
        for (Storage s : storages) {
            if (s.buffer() == temporary.buffer()) {
                return s;
            }
        }
        throw new IllegalArgumentException("not a temporary of this operation");
    }

    void release() {
        storages.forEach(Storage::release);
    }
}
