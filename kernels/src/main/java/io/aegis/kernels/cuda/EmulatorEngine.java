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
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongPredicate;

/**
 * The kernels compiled by g++ and run on the host, one launch at a time and to its end; what it promises stands in
 * emulator.h. Its errors are {@link CudaException}s, after which it goes on. System properties:
 *
 * <ul>
 *   <li>{@code aegis.emulator.checks=false} lets kernels access memory unwatched, which is several times faster,
 *   <li>{@code aegis.emulator.seed} draws another order of threads and blocks,
 *   <li>{@code aegis.emulator.seconds} is what a launch may take, 60 unless given.
 * </ul>
 */
final class EmulatorEngine implements Engine {
    private static final byte POISON = (byte) 0xff;
    private static final long MEMORY = 1L << 33;

    /** What the runtime has one of in a process: a launch, the list of blocks. */
    private static final Object ONE_AT_A_TIME = new Object();

    private final boolean checks;
    private final long seed;
    private final int seconds;
    /** Asked before each allocation, with its bytes; false is a device that has no more. */
    private final LongPredicate room;

    private final HostCompiler compiler = new HostCompiler();
    private final Path runtime;
    private final MethodHandle launch;
    private final MethodHandle allocated;
    private final MethodHandle used;
    private final MethodHandle freed;
    private final MethodHandle watch;
    /** Where kernels of a debug build write down what they wait for, {@link Hang#BYTES}, and count it behind that; 0 without. */
    private final long waits;

    private final Map<Variant, Library> libraries = new ConcurrentHashMap<>();
    private final TreeMap<Long, Block> blocks = new TreeMap<>();
    private long held;

    /** What this thread records, while it does: launches with their arguments' bytes, copies, fills, and what they may access. */
    private final ThreadLocal<List<Runnable>> recording = new ThreadLocal<>();

    private record Block(Arena arena, MemorySegment memory) {}

    private record Library(Path file, SymbolLookup symbols) {}

    private record Entry(Variant variant, String entry, Library library, MemorySegment symbol) implements Kernel {}

    /**
     * @throws CudaException naming what is missing, where there is no g++
     */
    EmulatorEngine() {
        this(bytes -> true);
    }

    /** @param room asked before each allocation, with its bytes; false where the device is to have no more */
    EmulatorEngine(LongPredicate room) {
        this(
                !"false".equals(System.getProperty("aegis.emulator.checks")),
                Long.getLong("aegis.emulator.seed", 1),
                Integer.getInteger("aegis.emulator.seconds", 60),
                DebugBuild.isAskedFor(),
                room);
    }

    EmulatorEngine(boolean checks, long seed, int seconds) {
        this(checks, seed, seconds, DebugBuild.isAskedFor());
    }

    EmulatorEngine(boolean checks, long seed, int seconds, boolean debug) {
        this(checks, seed, seconds, debug, bytes -> true);
    }

    private EmulatorEngine(boolean checks, long seed, int seconds, boolean debug, LongPredicate room) {
        this.room = room;
        this.checks = checks;
        this.seed = seed;
        this.seconds = seconds;
        runtime = compiler.library("emulator.cpp", List.of("-O2", "-DAEGIS_EMULATOR"), List.of());
        SymbolLookup symbols = SymbolLookup.libraryLookup(runtime, Arena.global());
        launch = function(
                symbols,
                "emulator_launch",
                FunctionDescriptor.of(
                        ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT,
                        JAVA_INT, JAVA_INT, JAVA_LONG));
        allocated = function(symbols, "emulator_allocated", FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG));
        used = function(symbols, "emulator_used", FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG));
        freed = function(symbols, "emulator_freed", FunctionDescriptor.ofVoid(JAVA_LONG));
        watch = function(symbols, "emulator_watch", FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG));
        waits = debug ? allocate(Hang.BYTES + Integer.BYTES) : 0;
    }

    private static MethodHandle function(SymbolLookup symbols, String name, FunctionDescriptor type) {
        return Linker.nativeLinker().downcallHandle(symbols.findOrThrow(name), type);
    }

    @Override
    public Properties properties() {
        return new Properties("emulator", 8, 0, 4, MEMORY, 163 << 10, 1 << 20);
    }

    @Override
    public String name() {
        return "emulator";
    }

    @Override
    public long allocate(long bytes) {
        synchronized (ONE_AT_A_TIME) {
            if (bytes > MEMORY - held || !room.test(bytes)) {
                throw new OutOfMemoryError("allocating " + bytes + " bytes on emulator, which has " + (MEMORY - held)
                        + " of " + MEMORY + " bytes free; this process holds " + held);
            }
            Arena arena = Arena.ofShared();
            MemorySegment memory = arena.allocate(bytes, 256).fill(POISON);
            held += bytes;
            blocks.put(memory.address(), new Block(arena, memory));
            call(allocated, memory.address(), bytes);
            return memory.address();
        }
    }

    @Override
    public void use(long address, long bytes) {
        List<Runnable> tape = recording.get();
        if (tape != null) {
            tape.add(() -> use(address, bytes));
        }
        synchronized (ONE_AT_A_TIME) {
            call(used, address, bytes);
        }
    }

    @Override
    public void free(long address) {
        synchronized (ONE_AT_A_TIME) {
            Block block = blocks.remove(address);
            if (block == null) {
                throw new CudaException("no block of memory begins at " + Long.toHexString(address));
            }
            held -= block.memory.byteSize();
            call(freed, address);
            block.arena.close();
        }
    }

    @Override
    public void upload(MemorySegment from, long to) {
        at(to, from.byteSize()).copyFrom(from);
    }

    @Override
    public void download(long from, MemorySegment to) {
        if (recording.get() != null) {
            throw new CudaException("a graph is being recorded on emulator: no result can be read before it has run");
        }
        to.copyFrom(at(from, to.byteSize()));
    }

    @Override
    public void copy(long from, long to, long bytes) {
        queue(() -> at(to, bytes).copyFrom(at(from, bytes)));
    }

    @Override
    public void fill(long to, byte value, long bytes) {
        queue(() -> at(to, bytes).fill(value));
    }

    /** Runs at once, or is recorded. */
    private void queue(Runnable work) {
        List<Runnable> tape = recording.get();
        if (tape == null) {
            work.run();
        } else {
            tape.add(work);
        }
    }

    @Override
    public boolean canRecord() {
        return true;
    }

    @Override
    public Graph record(Runnable work) {
        if (recording.get() != null) {
            throw new CudaException("a graph is being recorded on this thread already");
        }
        List<Runnable> tape = new ArrayList<>();
        recording.set(tape);
        try {
            work.run();
        } finally {
            recording.remove();
        }
        return new Graph() {
            @Override
            public void launch() {
                if (recording.get() != null) {
                    throw new CudaException("a graph cannot be queued while another is recorded");
                }
                tape.forEach(Runnable::run);
            }

            @Override
            public void close() {
                tape.clear();
            }
        };
    }

    /** Memory of this engine, all inside one block. */
    private MemorySegment at(long address, long bytes) {
        synchronized (ONE_AT_A_TIME) {
            Map.Entry<Long, Block> block = blocks.floorEntry(address);
            if (block == null
                    || address + bytes
                            > block.getKey() + block.getValue().memory.byteSize()) {
                throw new CudaException("no block of memory holds " + bytes + " bytes at " + Long.toHexString(address));
            }
            return block.getValue().memory.asSlice(address - block.getKey(), bytes);
        }
    }

    @Override
    public Kernel kernel(Variant variant, String entry) {
        Library library = libraries.computeIfAbsent(variant, this::load);
        return new Entry(
                variant,
                entry,
                library,
                library.symbols
                        .find("entry_" + entry)
                        .orElseThrow(() -> new CudaException("there is no kernel " + entry + " in " + variant)));
    }

    private Library load(Variant asked) {
        Variant variant = waits == 0 ? asked : DebugBuild.of(asked);
        List<String> flags = new ArrayList<>(List.of("-O1", "-fstack-clash-protection", "-DAEGIS_EMULATOR"));
        if (checks) { // calls a function before each access; the runtime has it, not the sanitizer's library
            flags.addAll(List.of("-fsanitize=thread", "--param", "tsan-instrument-func-entry-exit=0"));
        }
        variant.defines().forEach((name, value) -> flags.add("-D" + name + "=" + value));
        Path file = compiler.library(variant.file(), flags, List.of(runtime));
        return new Library(file, SymbolLookup.libraryLookup(file, Arena.global()));
    }

    @Override
    public void launch(Kernel kernel, Grid grid, MemorySegment arguments) {
        if (recording.get() == null) {
            run(kernel, grid, arguments);
        } else {
            MemorySegment copy = Arena.ofAuto().allocate(arguments.byteSize(), TensorMap.ALIGNMENT);
            copy.copyFrom(arguments);
            queue(() -> run(kernel, grid, copy));
        }
    }

    private void run(Kernel kernel, Grid grid, MemorySegment arguments) {
        Entry entry = (Entry) kernel;
        int shared = DynamicShared.bytes(kernel.variant(), kernel.entry());
        if (shared != DynamicShared.BY_LAUNCH && shared != grid.shared()) {
            throw new CudaException(kernel.entry() + " of " + kernel.variant() + " was launched with " + grid.shared()
                    + " bytes of dynamic shared memory, and DynamicShared says " + shared);
        }
        String failure;
        synchronized (ONE_AT_A_TIME) {
            if (waits != 0) {
                at(waits, Hang.BYTES + Integer.BYTES).fill((byte) 0);
                call(watch, waits, waits + Hang.BYTES);
            }
            MemorySegment message = (MemorySegment) call(
                    launch,
                    entry.symbol,
                    arguments,
                    arguments.byteSize(),
                    grid.x(),
                    grid.y(),
                    grid.z(),
                    grid.threads(),
                    grid.shared(),
                    checks ? 1 : 0,
                    seconds,
                    seed);
            failure = message.equals(MemorySegment.NULL)
                    ? null
                    : message.reinterpret(Long.MAX_VALUE).getString(0);
        }
        if (failure != null) {
            throw new CudaException("%s, grid %d x %d x %d of %d threads: %s"
                    .formatted(
                            entry.variant,
                            grid.x(),
                            grid.y(),
                            grid.z(),
                            grid.threads(),
                            hang() + compiler.withLines(failure, entry.library.file)));
        }
    }

    /** Who waits for ever, as a debug build says it. */
    private String hang() {
        return waits == 0
                ? ""
                : Hang.read(at(waits, Hang.BYTES)).map(h -> h + ": ").orElse("");
    }

    /** The struct Map of emulator_async.h. */
    @Override
    public void encode(TensorMap map, MemorySegment to) {
        to.set(JAVA_LONG, 0, map.address());
        for (int d = 0; d < TensorMap.RANK; d++) {
            to.setAtIndex(JAVA_INT, 2 + d, (int) map.sizes()[d]);
            to.setAtIndex(JAVA_INT, 6 + d, map.box()[d]);
        }
        for (int d = 0; d < TensorMap.RANK - 1; d++) {
            to.setAtIndex(JAVA_LONG, 5 + d, map.strides()[d] * map.dtype().bytes());
        }
        to.setAtIndex(JAVA_INT, 16, map.dtype().bytes());
    }

    private static Object call(MethodHandle function, Object... arguments) {
        try {
            return function.invokeWithArguments(arguments);
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    @Override
    public void synchronize() {
        if (recording.get() != null) {
            throw new CudaException("a graph is being recorded on emulator: there is nothing to wait for");
        }
    }

    @Override
    public void close() {
        synchronized (ONE_AT_A_TIME) {
            List.copyOf(blocks.keySet()).forEach(this::free);
        }
    }
}
