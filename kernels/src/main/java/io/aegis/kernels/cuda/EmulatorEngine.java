package io.aegis.kernels.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The kernels compiled by g++ and run on the host. */
final class EmulatorEngine implements Engine {
    private final Map<Long, Arena> blocks = new ConcurrentHashMap<>();

    EmulatorEngine() {}

    @Override
    public Properties properties() {
        return new Properties("emulator", 8, 0, 4, 1L << 33, 163 << 10, 1 << 20);
    }

    @Override
    public String name() {
        return "emulator";
    }

    @Override
    public long allocate(long bytes) {
        Arena arena = Arena.ofShared();
        long address = arena.allocate(bytes, 256).address();
        blocks.put(address, arena);
        return address;
    }

    @Override
    public void free(long address) {
        blocks.remove(address).close();
    }

    @Override
    public void upload(MemorySegment from, long to) {
        at(to, from.byteSize()).copyFrom(from);
    }

    @Override
    public void download(long from, MemorySegment to) {
        to.copyFrom(at(from, to.byteSize()));
    }

    @Override
    public void copy(long from, long to, long bytes) {
        at(to, bytes).copyFrom(at(from, bytes));
    }

    @Override
    public void fill(long to, byte value, long bytes) {
        at(to, bytes).fill(value);
    }

    @Override
    public Kernel kernel(Variant variant, String entry) {
        throw new CudaException("the emulator does not compile yet: " + variant);
    }

    @Override
    public void launch(Kernel kernel, Grid grid, MemorySegment arguments) {
        throw new CudaException("the emulator does not run yet: " + kernel.entry());
    }

    @Override
    public void synchronize() {}

    @Override
    public void close() {
        blocks.keySet().forEach(this::free);
    }

    private static MemorySegment at(long address, long bytes) {
        return MemorySegment.ofAddress(address).reinterpret(bytes);
    }
}
