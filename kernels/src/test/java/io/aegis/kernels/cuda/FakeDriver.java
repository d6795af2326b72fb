package io.aegis.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/**
 * fake_cuda.c, compiled and loaded: a driver on the host's memory that writes down every call and can be told to fail. One
 * a process; {@link #reset} between tests.
 */
final class FakeDriver {
    static final int OUT_OF_MEMORY = 2;
    static final int ILLEGAL_ADDRESS = 700;
    static final int LAUNCH_FAILED = 719;

    /** What it takes for machine code without looking further. */
    static final String TAKEN = "\177ELF of nothing";

    /** What may be alive, in the order of fake_cuda.c. */
    enum Kind {
        CONTEXT,
        MEMORY,
        PINNED,
        STREAM,
        EVENT,
        MODULE,
        GRAPH,
        EXECUTABLE
    }

    private static final int TEXT_BYTES = 1 << 20;

    private final Library library;
    private final Driver driver;
    private final MethodHandle reset;
    private final MethodHandle set;
    private final MethodHandle version;
    private final MethodHandle fail;
    private final MethodHandle live;
    private final MethodHandle brokenRules;
    private final MethodHandle text;

    private FakeDriver(Path file) {
        library = Library.open(file.toString());
        driver = new Driver(library);
        reset = library.function("fake_reset");
        set = library.function("fake_set", JAVA_INT, JAVA_INT, JAVA_LONG);
        version = library.function("fake_version", JAVA_INT);
        fail = library.function("fake_fail", ADDRESS, JAVA_INT, JAVA_INT);
        live = library.function("fake_live", JAVA_INT);
        brokenRules = library.function("fake_broken_rules");
        text = library.function("fake_text", ADDRESS, JAVA_INT);
    }

    private static final class Built {
        static final FakeDriver FAKE;
        static final String MISSING;

        static {
            FakeDriver fake = null;
            String missing = null;
            try {
                fake = new FakeDriver(build("fake_cuda.c"));
            } catch (IOException e) {
                missing = e.getMessage();
            }
            FAKE = fake;
            MISSING = missing;
        }
    }

    /** The driver in a fresh state; without gcc the test is skipped, and says so. */
    static FakeDriver fresh() {
        Assumptions.assumeTrue(Built.FAKE != null, "no driver is faked: " + Built.MISSING);
        Built.FAKE.reset();
        return Built.FAKE;
    }

    /** A library of a C file among the test's resources. */
    static Path build(String source, String... options) throws IOException {
        Path folder = Files.createTempDirectory("aegis-fake");
        Path c = folder.resolve(source);
        try (InputStream in = FakeDriver.class.getResourceAsStream(source)) {
            Files.copy(in, c);
        }
        Path out = folder.resolve("libcuda.so.1");
        List<String> command = new ArrayList<>(List.of("gcc", "-shared", "-fPIC", "-O1", "-pthread"));
        if (Files.exists(Path.of("/usr/local/cuda/include/cuda.h"))) {
            command.addAll(List.of("-I/usr/local/cuda/include", "-Wall", "-Werror"));
        }
        command.addAll(List.of(options));
        command.addAll(List.of("-o", out.toString(), c.toString()));
        Process p = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(p.getInputStream().readAllBytes());
        try {
            if (p.waitFor() != 0) {
                throw new AssertionError("gcc does not compile " + source + ":\n" + said);
            }
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
        return out;
    }

    /** Gives every kernel the same machine code, and keeps it in a folder of its own. */
    static Cubins cubins(Path folder, String code) {
        return cubins(folder, code, "pretended 1.0");
    }

    /** As above, of a compiler with this name and version. */
    static Cubins cubins(Path folder, String code, String by) {
        Compiler compiler = new Compiler() {
            @Override
            public String name() {
                return by;
            }

            @Override
            public String path() {
                return "nowhere";
            }

            @Override
            public Cubin compile(CompileJob job) {
                return new Cubin(name(), "", code.getBytes(StandardCharsets.ISO_8859_1));
            }
        };
        return new Cubins(
                new Compilers.Probe(compiler, null), new CubinCache(folder.resolve("cubins" + code.hashCode())));
    }

    /** Another driver of the same library and state, which waits as long as is given. */
    Driver driver(Patience patience) {
        return new Driver(library, patience);
    }

    Driver driver() {
        return driver;
    }

    /** The library's file. */
    String file() {
        return library.name();
    }

    void reset() {
        Library.status(() -> (int) reset.invokeExact());
    }

    void set(int devices, int capability, long memory) {
        Library.status(() -> (int) set.invokeExact(devices, capability, memory));
    }

    /** For which CUDA it is, as 1000 * major + 10 * minor. */
    void version(int newest) {
        Library.status(() -> (int) version.invokeExact(newest));
    }

    /** The {@code which}-th call from now on of a function fails. */
    void fail(String function, int which, int code) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom(function);
            Library.status(() -> (int) fail.invokeExact(name, which, code));
        }
    }

    int live(Kind kind) {
        int ordinal = kind.ordinal();
        return Library.status(() -> (int) live.invokeExact(ordinal));
    }

    /** Memory freed twice, or under queued work. */
    int brokenRules() {
        return Library.status(() -> (int) brokenRules.invokeExact());
    }

    /** Every call so far, one a line; indented lines are arguments. */
    List<String> calls() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment room = arena.allocate(TEXT_BYTES);
            Library.status(() -> (int) text.invokeExact(room, TEXT_BYTES));
            return room.getString(0).lines().toList();
        }
    }

    long calls(String function) {
        return calls().stream().filter(function::equals).count();
    }
}
