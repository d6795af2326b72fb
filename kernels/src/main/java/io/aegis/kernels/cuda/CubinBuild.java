package io.aegis.kernels.cuda;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** Compiles ahead of time: every variant for some architectures, for machines without a compiler. */
public final class CubinBuild {
    private static final String INDEX = "index.tsv";
    private static final String SUFFIX = ".cubin";

    private CubinBuild() {}

    /**
     * What was made.
     *
     * @param compiler name and version of what made it
     * @param folder the root of what a jar can be made of; {@code -Daegis.cubins} takes it as it is
     * @param files how many variants for all the architectures together
     * @param bytes of all files
     */
    public record Summary(String compiler, Path folder, int files, long bytes) {}

    /**
     * Writes a folder of cubins and an index of them; what an earlier build left there and nobody needs now is removed.
     *
     * @param architectures such as {@code sm_80}
     * @param out the folder, made when it is not there
     * @param progress told each variant when it is done
     * @throws CudaException when there is no compiler, or something does not compile
     * @throws IOException when the folder cannot be written
     */
    public static Summary build(List<String> architectures, Path out, Consumer<String> progress) throws IOException {
        return build(KernelCatalogue.variants(), architectures, out, CubinCache.ofUser(), progress);
    }

    static Summary build(
            List<Variant> variants, List<String> architectures, Path out, CubinCache cache, Consumer<String> progress)
            throws IOException {
        Compilers.Probe probe = Compilers.probe();
        if (probe.compiler() == null) {
            throw new CudaException(probe.problem());
        }
        List<CompileJob> jobs = jobs(variants, architectures);
        Path folder = Files.createDirectories(out.resolve(Cubins.RESOURCES.substring(1)));
        Map<CompileJob, Integer> sizes = new HashMap<>();
        try {
            compile(probe.compiler(), cache, jobs, (job, cubin) -> {
                byte[] bytes = CubinFile.write(job.key(), cubin);
                try {
                    replace(folder.resolve(job.key() + SUFFIX), bytes);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
                sizes.put(job, bytes.length);
                progress.accept(job + ": " + cubin.code().length + " bytes");
            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        StringBuilder index = new StringBuilder("key\tarch\tfile\tmacros\tcompiler\tbytes\n");
        Set<String> needed = new HashSet<>();
        long bytes = 0;
        for (CompileJob job : jobs) {
            needed.add(job.key() + SUFFIX);
            bytes += sizes.get(job);
            index.append(String.join(
                            "\t",
                            job.key(),
                            job.arch(),
                            job.variant().file(),
                            KernelTable.macros(job.variant()),
                            probe.compiler().name(),
                            Integer.toString(sizes.get(job))))
                    .append('\n');
        }
        replace(folder.resolve(INDEX), index.toString().getBytes(StandardCharsets.UTF_8));
        try (Stream<Path> files = Files.list(folder)) {
            for (Path f : files.toList()) {
                String name = f.getFileName().toString();
                if (name.matches("[0-9a-f]{64}\\.cubin") && !needed.contains(name)) {
                    Files.delete(f);
                }
            }
        }
        return new Summary(probe.compiler().name(), out, jobs.size(), bytes);
    }

    /** Every variant of every architecture. */
    static List<CompileJob> jobs(List<Variant> variants, List<String> architectures) {
        List<CompileJob> jobs = new ArrayList<>();
        for (Variant v : variants) {
            architectures.stream()
                    .filter(arch -> KernelCatalogue.isAskedFor(v, arch))
                    .forEach(arch -> jobs.add(CompileJob.of(v, arch)));
        }
        return jobs;
    }

    /** Compiles on every processor, through a cache; {@code done} is called by one thread at a time, in any order. */
    static void compile(
            Compiler compiler, CubinCache cache, List<CompileJob> jobs, BiConsumer<CompileJob, Cubin> done) {
        Object one = new Object();
        try (ExecutorService threads =
                Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
            List<Future<?>> all = new ArrayList<>();
            for (CompileJob job : jobs) {
                all.add(threads.submit(() -> {
                    Cubin cubin = cache.get(job.key(compiler.name()), () -> compiler.compile(job));
                    synchronized (one) {
                        done.accept(job, cubin);
                    }
                }));
            }
            try {
                for (Future<?> f : all) {
                    f.get();
                }
            } catch (ExecutionException e) {
                threads.shutdownNow();
                throw e.getCause() instanceof RuntimeException r ? r : new IllegalStateException(e.getCause());
            } catch (InterruptedException e) {
                threads.shutdownNow();
                Thread.currentThread().interrupt();
                throw new CudaException("interrupted while kernels were compiled", e);
            }
        }
    }

    private static void replace(Path file, byte[] bytes) throws IOException {
        Path beside = Files.createTempFile(file.getParent(), file.getFileName().toString(), ".tmp");
        try {
            Files.write(beside, bytes);
            Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(beside);
        }
    }
}
