package io.aegis.bench.peers;

import java.lang.reflect.InvocationTargetException;
import java.nio.file.Path;
import java.util.Locale;

/** Peers in this virtual machine, which are only there with the profile: their contenders, in src/peers, are looked up by name. */
enum ProfilePeer {
    ONNX,
    DJL;

    /**
     * The contender for a model, which is made first.
     *
     * @throws AbsentException without the profile, or where its library does not load
     */
    Contender open(Path model, int threads, Runnable make) {
        Class<?> type;
        try {
            type = Class.forName(getClass().getPackageName() + "." + name().charAt(0)
                    + name().substring(1).toLowerCase(Locale.ROOT) + "Contender");
        } catch (ClassNotFoundException e) {
            throw new AbsentException("comes with -Ppeers");
        }
        make.run();
        try {
            return (Contender)
                    type.getDeclaredConstructor(Path.class, int.class).newInstance(model, threads);
        } catch (InvocationTargetException e) {
            throw new AbsentException("it did not start: " + e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
