package io.aegis.kernels.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Where machine code comes from: compiled ahead and shipped with the program, else from this user's cache, else from a
 * compiler.
 */
final class Cubins {
    private static final System.Logger LOG = System.getLogger(Cubins.class.getName());

    /** Names a folder that {@link CubinBuild} made; it comes before jars. */
    static final String FOLDER = "aegis.cubins";

    /** Where such a folder's files are in a jar. */
    static final String RESOURCES = "/io/aegis/kernels/cuda/cubin/";

    private final Compilers.Probe compilers;
    private final CubinCache cache;

    Cubins(Compilers.Probe compilers, CubinCache cache) {
        this.compilers = compilers;
        this.cache = cache;
    }

    static Cubins ofMachine() {
        return new Cubins(Compilers.probe(), CubinCache.ofUser());
    }

    /** The folder where what is compiled is kept. */
    Path cache() {
        return cache.folder();
    }

    /** How a variant is served. */
    enum Source {
        SHIPPED,
        CACHED,
        COMPILER,
        NONE
    }

    /** Where {@link #get} would take a variant from. */
    Source source(Variant variant, String arch) {
        CompileJob job = CompileJob.of(variant, arch);
        if (shipped(job) != null) {
            return Source.SHIPPED;
        }
        Compiler compiler = compilers.compiler();
        if (compiler != null) {
            return cache.has(job.key(compiler.name())) ? Source.CACHED : Source.COMPILER;
        }
        return shippedForOlder(variant, arch) == null ? Source.NONE : Source.SHIPPED;
    }

    /** Why no kernel at all can be had for an architecture, and what would help; null where some can. */
    String problem(String arch) {
        boolean some = compilers.compiler() != null
                || KernelCatalogue.variants().stream()
                        .anyMatch(v -> KernelCatalogue.isAskedFor(v, arch) && source(v, arch) != Source.NONE);
        return some ? null : compilers.problem();
    }

    /**
     * The machine code of a variant.
     *
     * @throws CudaException when it does not compile, or there is nothing to compile it with
     */
    Cubin get(Variant variant, String arch) {
        CompileJob job = CompileJob.of(variant, arch);
        Cubin found = shipped(job);
        if (found != null) {
            return found;
        }
        Compiler compiler = compilers.compiler();
        if (compiler != null) {
            return cache.get(job.key(compiler.name()), () -> compiler.compile(job));
        }
        found = shippedForOlder(variant, arch);
        if (found != null) {
            return found;
        }
        throw new CudaException("no machine code of " + job + " is shipped, and there is " + compilers.problem());
    }

    private static Cubin shippedForOlder(Variant variant, String arch) {
        for (String older : olderOfGeneration(arch)) {
            Cubin found = shipped(CompileJob.of(variant, older));
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    /** Architectures whose machine code runs on this one as well: earlier ones of its generation, the nearest first. */
    static List<String> olderOfGeneration(String arch) {
        int number = Integer.parseInt(arch.replaceAll("\\D", ""));
        List<String> older = new ArrayList<>();
        for (int n = arch.matches(".*\\d") ? number - 1 : number; n >= number / 10 * 10; n--) {
            older.add("sm_" + n);
        }
        return older;
    }

    private static Cubin shipped(CompileJob job) {
        String key = job.key();
        try {
            String folder = System.getProperty(FOLDER);
            if (folder != null) {
                Path file = Path.of(folder).resolve(RESOURCES.substring(1)).resolve(key + ".cubin");
                if (Files.isRegularFile(file)) {
                    return CubinFile.read(key, Files.readAllBytes(file));
                }
            }
            try (InputStream in = Cubins.class.getResourceAsStream(RESOURCES + key + ".cubin")) {
                if (in != null) {
                    return CubinFile.read(key, in.readAllBytes());
                }
            }
            try (InputStream in = ClassLoader.getSystemResourceAsStream(RESOURCES.substring(1) + key + ".cubin")) {
                return in == null ? null : CubinFile.read(key, in.readAllBytes());
            }
        } catch (IOException e) {
            LOG.log(Level.WARNING, "the shipped machine code of " + job + " is not used: " + e.getMessage());
            return null;
        }
    }
}
