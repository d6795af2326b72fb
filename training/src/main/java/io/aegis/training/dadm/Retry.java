package io.aegis.training.dadm;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.dadm.Prototypes;
import io.aegis.tensor.Scope;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * What an update changes before its gradients are known: prototypes, and batch norm's running statistics. It is remembered
 * where an update begins, so that one whose gradients overflow can be computed again as if it had not been.
 */
final class Retry implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final List<Parameter> buffers;
    private View[] before;
    private Prototypes prototypes;

    Retry(Parameters parameters) {
        buffers = parameters.all().stream()
                .filter(p -> p.kind() == Parameter.Kind.BUFFER)
                .toList();
    }

    /** Remembers; inside a scope. */
    void save(Prototypes now) {
        if (before == null) {
            before = buffers.stream().map(this::like).toArray(View[]::new);
        }
        Scope.current().kernels().elementwise().copies(views(), before);
        prototypes = now;
    }

    /** Puts statistics back; the prototypes that were remembered. Inside a scope. */
    Prototypes restore() {
        Scope.current().kernels().elementwise().copies(before, views());
        buffers.forEach(Parameter::changed);
        return prototypes;
    }

    private View[] views() {
        return buffers.stream().map(Parameter::view).toArray(View[]::new);
    }

    private View like(Parameter p) {
        View v = p.view();
        Buffer buffer = Buffer.allocate(arena, v.elements() * v.dtype().bytes());
        return View.of(buffer, v.dtype(), 0, v.shape(), v.strides());
    }

    @Override
    public void close() {
        if (before != null) {
            List.of(before).forEach(v -> v.buffer().discardMirror());
        }
        arena.close();
    }
}
