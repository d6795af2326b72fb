package io.aegis.kernels.cuda;

/** For an engine without a clock: waits before it looks at the host's. */
final class HostTimer implements Engine.Timer {
    private final Engine engine;
    private long start;
    private long stop;

    HostTimer(Engine engine) {
        this.engine = engine;
    }

    @Override
    public void start() {
        engine.synchronize();
        start = System.nanoTime();
    }

    @Override
    public void stop() {
        engine.synchronize();
        stop = System.nanoTime();
    }

    @Override
    public double seconds() {
        return (stop - start) / 1e9;
    }

    @Override
    public void close() {}
}
