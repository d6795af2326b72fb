package io.aegis.bench.peers;

import java.lang.reflect.InvocationTargetException;
import java.nio.file.Path;
import java.util.Optional;

/** ONNX Runtime is only there with the profile: its contender, in src/peers, is looked up by name. */
final class OnnxRuntime {
    private static final String CONTENDER = "io.aegis.bench.peers.OnnxContender";

    private OnnxRuntime() {}

    /** The contender for a model, which is made first; empty without the profile. */
    static Optional<Contender> find(Path model, int threads, Runnable make) {
        Class<?> type;
        try {
            type = Class.forName(CONTENDER);
        } catch (ClassNotFoundException e) {
            return Optional.empty();
        }
        make.run();
        try {
            return Optional.of((Contender)
                    type.getDeclaredConstructor(Path.class, int.class).newInstance(model, threads));
        } catch (InvocationTargetException e) {
            throw new IllegalStateException(e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
