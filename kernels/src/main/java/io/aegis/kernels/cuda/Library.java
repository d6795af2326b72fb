package io.aegis.kernels.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;

/** A native library that is loaded while the program runs, and stays. */
final class Library {
    private final String name;
    private final SymbolLookup symbols;

    private Library(String name, SymbolLookup symbols) {
        this.name = name;
        this.symbols = symbols;
    }

    /**
     * Loads a library.
     *
     * @param name a file, or a name that the system's loader looks for
     * @throws CudaException when it is not there or does not load
     */
    static Library open(String name) {
        boolean isFile = name.indexOf('/') >= 0 || name.indexOf('\\') >= 0;
        try {
            return new Library(
                    name,
                    isFile
                            ? SymbolLookup.libraryLookup(Path.of(name), Arena.global())
                            : SymbolLookup.libraryLookup(name, Arena.global()));
        } catch (IllegalArgumentException e) {
            throw new CudaException(name + " does not load", e);
        } catch (IllegalCallerException | LinkageError | UnsupportedOperationException e) {
            throw new CudaException(name + " does not load: " + e.getMessage(), e);
        }
    }

    /**
     * The first of some files that serves.
     *
     * @param tells whether what is wrong with a file is worth telling
     * @param open what a file is opened as, or a {@link CudaException}
     * @param result of what was opened, or of why nothing was: what is wrong with the last file that tells
     */
    static <T, R> R first(
            List<String> files, Predicate<String> tells, Function<String, T> open, BiFunction<T, String, R> result) {
        String problem = "not installed";
        for (String file : files) {
            try {
                return result.apply(open.apply(file), null);
            } catch (CudaException e) {
                problem = tells.test(file) ? e.getMessage() : problem;
            }
        }
        return result.apply(null, problem);
    }

    String name() {
        return name;
    }

    /**
     * A function that returns an {@code int}.
     *
     * @throws CudaException when the library lacks it
     */
    MethodHandle function(String function, MemoryLayout... arguments) {
        return optional(function, arguments)
                .orElseThrow(
                        () -> new CudaException(name + " has no " + function + "; is it too old, or something else?"));
    }

    /** As {@link #function}, empty when the library lacks it. */
    Optional<MethodHandle> optional(String function, MemoryLayout... arguments) {
        return symbols.find(function).map(at -> Linker.nativeLinker()
                .downcallHandle(at, FunctionDescriptor.of(ValueLayout.JAVA_INT, arguments)));
    }

    /** Calls into the library and returns its status. */
    @FunctionalInterface
    interface Call {
        int run() throws Throwable;
    }

    /** The status of a call; what a method handle declares to throw does not happen. */
    static int status(Call call) {
        try {
            return call.run();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }
}
