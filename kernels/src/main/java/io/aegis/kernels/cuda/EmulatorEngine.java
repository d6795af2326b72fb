package io.aegis.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The kernels compiled by g++ and run on the host, one launch at a time and to its end; what it promises stands in
 * emulator.h. Its errors are {@link CudaException}s, after which it goes on.
 */
final class EmulatorEngine implements Engine {
    private static final List<String> HEADERS = List.of("common.cuh", "emulator.h");
    private static final byte POISON = (byte) 0xff;

    private final HostCompiler compiler = new HostCompiler();
    private final Path runtime;
    private final MethodHandle launch;
    private final Map<Variant, SymbolLookup> libraries = new ConcurrentHashMap<>();
    private final Map<Long, Arena> blocks = new ConcurrentHashMap<>();

    /**
     * @throws CudaException naming what is missing, where there is no g++
     */
    EmulatorEngine() {
        runtime = compiler.library(
                List.of("emulator.cpp", "common.cuh", "emulator.h"), List.of("-O2", "-DAEGIS_EMULATOR"), List.of());
        launch = Linker.nativeLinker()
                .downcallHandle(
                        SymbolLookup.libraryLookup(runtime, Arena.global()).findOrThrow("emulator_launch"),
                        FunctionDescriptor.of(
                                ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT,
                                JAVA_INT, JAVA_LONG));
    }

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
        MemorySegment block = arena.allocate(bytes, 256).fill(POISON);
        blocks.put(block.address(), arena);
        return block.address();
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

    private record Entry(Variant variant, String entry, MemorySegment symbol) implements Kernel {}

    @Override
    public Kernel kernel(Variant variant, String entry) {
        SymbolLookup library = libraries.computeIfAbsent(variant, this::load);
        return new Entry(
                variant,
                entry,
                library.find("entry_" + entry)
                        .orElseThrow(() -> new CudaException("there is no kernel " + entry + " in " + variant)));
    }

    private SymbolLookup load(Variant variant) {
        List<String> sources = new ArrayList<>(List.of(variant.file()));
        sources.addAll(HEADERS);
        List<String> flags = new ArrayList<>(List.of("-O1", "-DAEGIS_EMULATOR"));
        variant.defines().forEach((name, value) -> flags.add("-D" + name + "=" + value));
        return SymbolLookup.libraryLookup(compiler.library(sources, flags, List.of(runtime)), Arena.global());
    }

    @Override
    public void launch(Kernel kernel, Grid grid, MemorySegment arguments) {
        Entry entry = (Entry) kernel;
        String failure;
        synchronized (EmulatorEngine.class) {
            MemorySegment message;
            try {
                message = (MemorySegment) launch.invokeExact(
                        entry.symbol(),
                        arguments,
                        arguments.byteSize(),
                        grid.x(),
                        grid.y(),
                        grid.z(),
                        grid.threads(),
                        grid.shared(),
                        Long.getLong("aegis.emulator.seed", 1).longValue());
            } catch (Throwable t) {
                throw new IllegalStateException(t);
            }
            failure = message.address() == 0
                    ? null
                    : message.reinterpret(Long.MAX_VALUE).getString(0);
        }
        if (failure != null) {
            throw new CudaException(entry.variant() + ", grid " + grid.x() + " x " + grid.y() + " x " + grid.z()
                    + " of " + grid.threads() + " threads: " + failure);
        }
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
