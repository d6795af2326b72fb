package io.aegis.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.net.URL;
import java.nio.file.Path;
import org.bytedeco.javacpp.Loader;

/**
 * oneDNN's library, opened once: JavaCPP's jar carries it beside the OpenMP runtime that it needs, calls go through the
 * foreign function interface. It is told to use one thread, which OpenMP remembers for each calling thread: {@link Workers}
 * cuts the work. {@code -Daegis.onednn=none} leaves it out.
 */
final class OneDnnLibrary {
    private static final int CPU = 1;
    private static final int IN_ORDER = 1;
    private static final ThreadLocal<Boolean> TOLD = new ThreadLocal<>();

    private final SymbolLookup library;
    private final MethodHandle setThreads;
    private final MemorySegment engine;
    private final MemorySegment stream;
    private final String version;
    private final Isa isa;

    /** The instructions that the library uses, and what they mean to products. Named as in {@code ONEDNN_MAX_CPU_ISA}. */
    enum Isa {
        SSE41(0x1),
        AVX(0x3),
        AVX2(0x7),
        AVX2_VNNI(0xf),
        AVX2_VNNI_2(0x1f),
        AVX512_CORE(0x27),
        AVX512_CORE_VNNI(0x67),
        AVX512_CORE_BF16(0xe7),
        AVX512_CORE_FP16(0x1ef),
        AVX512_CORE_AMX(0xfef),
        AVX512_CORE_AMX_FP16(0x1fef),
        OTHER(-1);

        private final int flags;

        Isa(int flags) {
            this.flags = flags;
        }

        private static Isa of(int flags) {
            for (Isa isa : values()) {
                if (isa.flags == flags) {
                    return isa;
                }
            }
            return OTHER;
        }

        boolean multipliesBfloat16() {
            return this == AVX2_VNNI_2 || ordinal() >= AVX512_CORE_BF16.ordinal();
        }
    }

    private static final class Only {
        static final OneDnnLibrary INSTANCE;
        static final String PROBLEM;

        static {
            OneDnnLibrary opened = null;
            String problem = null;
            try {
                opened = new OneDnnLibrary();
            } catch (LinkageError | RuntimeException | IOException e) {
                problem = e.getMessage();
            }
            INSTANCE = opened;
            PROBLEM = problem;
        }
    }

    /** The library, or null where it cannot be used. */
    static OneDnnLibrary find() {
        return Only.INSTANCE;
    }

    /** Why {@link #find} gives null; null where it does not. */
    static String problem() {
        return Only.PROBLEM;
    }

    private OneDnnLibrary() throws IOException {
        if ("none".equals(System.getProperty("aegis.onednn"))) {
            throw new LinkageError("switched off by aegis.onednn=none");
        }
        library = SymbolLookup.libraryLookup(unpack(), Arena.global());
        setThreads = handle("omp_set_num_threads", FunctionDescriptor.ofVoid(JAVA_INT));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            check("engine", (int)
                    handle("dnnl_engine_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_LONG))
                            .invokeExact(out, CPU, 0L));
            engine = out.get(ADDRESS, 0);
            check("stream", (int)
                    handle("dnnl_stream_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT))
                            .invokeExact(out, engine, IN_ORDER));
            stream = out.get(ADDRESS, 0);
            MemorySegment numbers = ((MemorySegment) handle("dnnl_version", FunctionDescriptor.of(ADDRESS))
                            .invokeExact())
                    .reinterpret(3L * Integer.BYTES);
            version = numbers.getAtIndex(JAVA_INT, 0) + "." + numbers.getAtIndex(JAVA_INT, 1) + "."
                    + numbers.getAtIndex(JAVA_INT, 2);
            isa = Isa.of((int) handle("dnnl_get_effective_cpu_isa", FunctionDescriptor.of(JAVA_INT))
                    .invokeExact());
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new LinkageError("oneDNN does not answer: " + t.getMessage(), t);
        }
    }

    /** Both files lie in one folder, where the one finds the other. */
    private static Path unpack() throws IOException {
        String folder = "org/bytedeco/dnnl/" + Loader.getPlatform() + "/";
        Path library = null;
        for (String name : new String[] {"libgomp.so.1", "libdnnl.so.3"}) {
            URL resource = OneDnnLibrary.class.getClassLoader().getResource(folder + name);
            if (resource == null) {
                throw new UnsatisfiedLinkError("no oneDNN for " + Loader.getPlatform() + " came with the program");
            }
            library = Loader.cacheResource(resource).toPath();
        }
        return library;
    }

    MethodHandle handle(String name, FunctionDescriptor type) {
        return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), type);
    }

    /** To be called before anything that computes, or plans to: the number of threads belongs to the calling thread. */
    void useOneThread() {
        if (TOLD.get() == null) {
            try {
                setThreads.invokeExact(1);
            } catch (Throwable t) {
                throw new IllegalStateException(t);
            }
            TOLD.set(Boolean.TRUE);
        }
    }

    /** @throws IllegalStateException when a call did not succeed */
    static void check(String what, int status) {
        if (status != 0) {
            throw new IllegalStateException("oneDNN refuses: " + what + ", status " + status);
        }
    }

    MemorySegment engine() {
        return engine;
    }

    /** On a processor a stream holds no state: one serves all threads. */
    MemorySegment stream() {
        return stream;
    }

    Isa isa() {
        return isa;
    }

    String version() {
        return version;
    }
}
