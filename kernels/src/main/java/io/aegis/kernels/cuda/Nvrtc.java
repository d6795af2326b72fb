package io.aegis.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** NVIDIA's run-time compiler: a library that turns a string into a cubin, with no other tool and without a GPU. */
final class Nvrtc implements Compiler {
    private static final int COMPILATION_FAILED = 6;

    private final Library library;
    private final String version;
    private final MethodHandle createProgram;
    private final MethodHandle compileProgram;
    private final MethodHandle cubinSize;
    private final MethodHandle cubin;
    private final MethodHandle logSize;
    private final MethodHandle log;
    private final MethodHandle destroyProgram;

    /**
     * Loads the library.
     *
     * @param name a file, or a name that the system's loader looks for
     * @throws CudaException when it is not there, or not usable
     */
    Nvrtc(String name) {
        loadBuiltins(Path.of(name));
        library = Library.open(name);
        MethodHandle getVersion = library.function("nvrtcVersion", ADDRESS, ADDRESS);
        createProgram = library.function("nvrtcCreateProgram", ADDRESS, ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS);
        compileProgram = library.function("nvrtcCompileProgram", JAVA_LONG, JAVA_INT, ADDRESS);
        cubinSize = library.function("nvrtcGetCUBINSize", JAVA_LONG, ADDRESS);
        cubin = library.function("nvrtcGetCUBIN", JAVA_LONG, ADDRESS);
        logSize = library.function("nvrtcGetProgramLogSize", JAVA_LONG, ADDRESS);
        log = library.function("nvrtcGetProgramLog", JAVA_LONG, ADDRESS);
        destroyProgram = library.function("nvrtcDestroyProgram", ADDRESS);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment major = arena.allocate(JAVA_INT);
            MemorySegment minor = arena.allocate(JAVA_INT);
            check("nvrtcVersion", Library.status(() -> (int) getVersion.invokeExact(major, minor)));
            version = major.get(JAVA_INT, 0) + "." + minor.get(JAVA_INT, 0);
        }
    }

    /** NVRTC opens its built-in functions by name; loaded from its own folder before, they are found wherever it lies. */
    private static void loadBuiltins(Path file) {
        Path folder = file.getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            return;
        }
        try (Stream<Path> files = Files.list(folder)) {
            files.filter(f -> f.getFileName().toString().matches("(lib)?nvrtc-builtins(\\.so\\.|64_).*"))
                    .forEach(f -> Library.open(f.toString()));
        } catch (IOException e) {
            throw new CudaException("the folder of " + file + " cannot be read: " + e.getMessage(), e);
        }
    }

    @Override
    public String name() {
        return "NVRTC " + version;
    }

    @Override
    public String path() {
        return library.name();
    }

    @Override
    public Cubin compile(CompileJob job) {
        List<String> options = new ArrayList<>(job.options());
        options.add("--gpu-architecture=" + job.arch());
        options.add("--ptxas-options=-v");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment handle = arena.allocate(JAVA_LONG);
            MemorySegment source = arena.allocateFrom(job.source());
            MemorySegment file = arena.allocateFrom(job.variant().file());
            MemorySegment texts = strings(arena, List.copyOf(job.headers().values()));
            MemorySegment names = strings(arena, List.copyOf(job.headers().keySet()));
            int headers = job.headers().size();
            check("nvrtcCreateProgram", Library.status(() ->
                    (int) createProgram.invokeExact(handle, source, file, headers, texts, names)));
            long program = handle.get(JAVA_LONG, 0);
            try {
                MemorySegment flags = strings(arena, options);
                int count = options.size();
                int status = Library.status(() -> (int) compileProgram.invokeExact(program, count, flags));
                String said = text(arena, program);
                if (status != 0) {
                    throw new CudaException(name() + " does not compile " + job + " ("
                            + (status == COMPILATION_FAILED ? "errors" : "status " + status) + "):\n" + said.strip());
                }
                return new Cubin(name(), said, image(arena, program));
            } finally {
                Library.status(() -> (int) destroyProgram.invokeExact(handle));
            }
        }
    }

    private String text(Arena arena, long program) {
        MemorySegment size = arena.allocate(JAVA_LONG);
        check("nvrtcGetProgramLogSize", Library.status(() -> (int) logSize.invokeExact(program, size)));
        MemorySegment text = arena.allocate(Math.max(1, size.get(JAVA_LONG, 0)));
        check("nvrtcGetProgramLog", Library.status(() -> (int) log.invokeExact(program, text)));
        return text.getString(0);
    }

    private byte[] image(Arena arena, long program) {
        MemorySegment size = arena.allocate(JAVA_LONG);
        check("nvrtcGetCUBINSize", Library.status(() -> (int) cubinSize.invokeExact(program, size)));
        MemorySegment image = arena.allocate(Math.max(1, size.get(JAVA_LONG, 0)));
        check("nvrtcGetCUBIN", Library.status(() -> (int) cubin.invokeExact(program, image)));
        return image.toArray(JAVA_BYTE);
    }

    private static MemorySegment strings(Arena arena, List<String> all) {
        MemorySegment array = arena.allocate(ADDRESS, Math.max(1, all.size()));
        for (int i = 0; i < all.size(); i++) {
            array.setAtIndex(ADDRESS, i, arena.allocateFrom(all.get(i)));
        }
        return array;
    }

    private static void check(String call, int status) {
        if (status != 0) {
            throw new CudaException(call + ": status " + status);
        }
    }
}
