package io.aegis.models.checkpoint;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.View;
import io.aegis.models.llama.LlamaConfig;
import io.aegis.weights.AtomicFile;
import io.aegis.weights.AtomicFolder;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.Finite;
import io.aegis.weights.GroupRounding;
import io.aegis.weights.IoConsumer;
import io.aegis.weights.Quantization;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.ShardedWriter;
import io.aegis.weights.TensorInfo;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * A model folder with quantised matrices in the layout of {@link Quantization}: the source's files, names and shards, and
 * everything that lies beside them. One matrix is in memory at a time. Equal sources and choices give equal files.
 */
public final class QuantizedModel {
    private static final String CONFIG = "config.json";
    private static final String TOWER = "mm_vision_tower";

    private final Path folder;
    private final VisionLanguageCheckpoint source;
    private final QuantizationRecipe recipe;
    private final Quantization quantization;
    private final boolean tied;

    /** What one matrix lost. */
    public record Lost(String name, Format format, int group, GroupRounding.Loss loss) {}

    /**
     * What was done.
     *
     * @param quantization what the files say of themselves
     * @param matrices in the order of the files, those of a tower in a folder of its own last
     * @param left matrices whose rows no group divides, which stay as they were
     * @param sourceBytes of all tensors before
     * @param bytes of all tensors after
     */
    public record Result(
            Quantization quantization, List<Lost> matrices, List<TensorInfo> left, long sourceBytes, long bytes) {
        /** Of all matrices together. */
        public GroupRounding.Loss loss() {
            return matrices.stream().map(Lost::loss).reduce(GroupRounding.Loss.NONE, GroupRounding.Loss::plus);
        }

        private Result and(Result other) {
            List<Lost> both = new ArrayList<>(matrices);
            both.addAll(other.matrices);
            List<TensorInfo> bothLeft = new ArrayList<>(left);
            bothLeft.addAll(other.left);
            return new Result(quantization, both, bothLeft, sourceBytes + other.sourceBytes, bytes + other.bytes);
        }
    }

    /**
     * Plans.
     *
     * @param folder that {@code source} was opened from
     * @param source stays open as long as this is used
     * @throws WeightsException when it is quantised already, or has nothing to quantise
     */
    public QuantizedModel(Path folder, VisionLanguageCheckpoint source, QuantizationRecipe recipe) {
        this.folder = folder;
        this.source = source;
        this.recipe = recipe;
        tied = source.config().language().filter(LlamaConfig::tied).isPresent();
        source.quantization().ifPresent(q -> {
            throw WeightsException.of(
                    folder, "is quantised already (" + q + "); quantise the weights it was made from");
        });
        boolean nothing = source.tensors().names().stream()
                .allMatch(name -> recipe.of(name, source.tensors().info(name).shape(), tied)
                        .isEmpty());
        if (nothing) {
            throw WeightsException.of(
                    folder, "has no matrix to quantise: of none can groups of 32 or more divide the rows");
        }
        quantization = recipe.named(SourceDigest.of(source.tensors().files(), recipe.choices()));
    }

    /** Bytes of all tensors of the source. */
    public long sourceBytes() {
        return source.tensors().files().stream()
                .flatMap(file -> file.names().stream().map(file::info))
                .mapToLong(TensorInfo::bytes)
                .sum();
    }

    /**
     * Writes the folder, which appears under its name when it is complete.
     *
     * @param out does not exist, or is empty
     * @param progress told the bytes of the source that are done
     * @throws WeightsException when it exists, a weight is NaN or infinite, or a file cannot be written
     */
    public Result write(Path out, LongConsumer progress) {
        Result[] result = new Result[1];
        AtomicFolder.write(out, beside -> result[0] = fill(beside, progress));
        return result[0];
    }

    private Result fill(Path out, LongConsumer progress) throws IOException {
        try (Checkpoint own = Checkpoint.open(folder)) {
            WeightFiles files = new WeightFiles(folder, own);
            Map<String, List<TensorInfo>> shards = new LinkedHashMap<>();
            Result result;
            try (Writing writing = new Writing(progress)) {
                for (Path file : files.files()) {
                    try (Checkpoint part = Checkpoint.open(file)) {
                        shards.put(WeightFiles.written(file), write(out, file, part, writing));
                    }
                }
                result = writing.result(shards);
            }
            files.copyOthers(out);
            if (files.isSharded()) {
                ShardedWriter.writeIndex(out, own.metadata(), shards);
            }
            ObjectNode config = ConfigJson.read(folder).json().deepCopy();
            quantization.describe(config);
            Optional<Path> tower = tower(own);
            if (tower.isPresent()) {
                Path home = folder.toAbsolutePath().normalize();
                if (tower.get().startsWith(home)) {
                    result =
                            result.and(tower(tower.get(), out.resolve(home.relativize(tower.get())), result, progress));
                } else {
                    // It stays where and as it is, and is found from the new folder, too.
                    config.put(TOWER, tower.get().toString());
                }
            }
            AtomicFile.write(out.resolve(CONFIG), config.toPrettyString() + "\n");
            return result;
        }
    }

    private List<TensorInfo> write(Path out, Path file, Checkpoint part, Writing writing) {
        List<TensorInfo> tensors = writing.plan(part);
        Map<String, String> metadata = new LinkedHashMap<>(WeightFiles.metadata(file, part));
        metadata.putAll(quantization.metadata());
        SafetensorsWriter.write(
                out.resolve(WeightFiles.written(file)),
                metadata,
                tensors,
                (tensor, sink) -> writing.write(part, tensor, sink));
        return tensors;
    }

    /** The folder of a tower that the checkpoint itself has not. */
    private Optional<Path> tower(Checkpoint own) {
        boolean within = own.names().stream()
                .map(source.layout().table()::apply)
                .flatMap(Optional::stream)
                .anyMatch(name -> name.startsWith("vis."));
        return within || source.config().vision().isEmpty()
                ? Optional.empty()
                : Optional.of(folder.resolve(source.json().text(TOWER))
                        .toAbsolutePath()
                        .normalize());
    }

    private Result tower(Path from, Path to, Result before, LongConsumer progress) throws IOException {
        try (VisionLanguageCheckpoint tower = VisionLanguageCheckpoint.open(from)) {
            Files.createDirectories(to);
            return new QuantizedModel(from, tower, recipe)
                    .fill(to, bytes -> progress.accept(before.sourceBytes + bytes));
        }
    }

    /** One pass over the files. */
    private final class Writing implements AutoCloseable {
        private final LongConsumer progress;
        private final List<Lost> matrices = new ArrayList<>();
        private final List<TensorInfo> left = new ArrayList<>();
        private long done;

        /** Codes of the matrix whose scales were written last, and what they live in. */
        private MemorySegment codes;

        private Arena arena = Arena.ofShared();

        Writing(LongConsumer progress) {
            this.progress = progress;
        }

        /**
         * What a file becomes, every tensor aligned to its elements: wide ones, then matrices, of which a row has a multiple
         * of 16 bytes, with their scales before them, then the rest by falling size.
         */
        List<TensorInfo> plan(Checkpoint part) {
            List<TensorInfo> wide = new ArrayList<>();
            List<TensorInfo> quantized = new ArrayList<>();
            List<TensorInfo> narrow = new ArrayList<>();
            for (String name : part.names()) {
                TensorInfo info = part.info(name);
                Optional<Format> format = format(info);
                if (format.isPresent()) {
                    long[] shape = info.shape();
                    quantized.addAll(quantization
                            .tensors(name, format.get(), shape[0], shape[1])
                            .reversed());
                } else {
                    (info.dtype().bits() >= Float.SIZE ? wide : narrow).add(info);
                }
            }
            wide.sort(Comparator.comparingInt(t -> -t.dtype().bits()));
            narrow.sort(Comparator.comparingInt(t -> -t.dtype().bits()));
            List<TensorInfo> all = new ArrayList<>(wide);
            all.addAll(quantized);
            all.addAll(narrow);
            return all;
        }

        private Optional<Format> format(TensorInfo info) {
            return source.layout()
                    .table()
                    .apply(info.name())
                    .flatMap(canonical -> recipe.of(canonical, info.shape(), tied));
        }

        void write(Checkpoint part, TensorInfo tensor, IoConsumer<MemorySegment> sink) throws IOException {
            String name = tensor.name();
            if (!part.has(name)) {
                quantize(part, name.substring(0, name.length() - Quantization.SCALE.length()), sink);
            } else if (format(part.info(name)).isPresent()) {
                sink.accept(codes);
                arena.close();
                arena = Arena.ofShared();
            } else {
                if (tensor.dtype().dtype().isPresent()) {
                    Finite.check(part.path(), name, Views.of(part, name));
                }
                sink.accept(part.bytes(name));
                if (wasWanted(tensor)) {
                    left.add(tensor);
                }
                advance(tensor);
            }
        }

        /** Whether only its number of columns kept a matrix as it was. */
        private boolean wasWanted(TensorInfo tensor) {
            long[] shape = tensor.shape();
            return shape.length == 2
                    && format(new TensorInfo(tensor.name(), tensor.dtype(), new long[] {shape[0], recipe.groupSize()}))
                            .isPresent();
        }

        /** Writes the scales, and keeps the codes. */
        private void quantize(Checkpoint part, String name, IoConsumer<MemorySegment> sink) throws IOException {
            View weight = Views.of(part, name);
            Finite.check(part.path(), name, weight);
            Format format = format(part.info(name)).orElseThrow();
            List<TensorInfo> parts = quantization.tensors(name, format, weight.size(0), weight.size(1));
            QuantizedWeight into = new QuantizedWeight(
                    View.allocate(arena, format.codes(), parts.get(0).shape()),
                    View.allocate(arena, DType.F32, parts.get(1).shape()));
            matrices.add(new Lost(name, format, into.group(), GroupRounding.round(weight, into)));
            codes = into.codes().segment();
            sink.accept(into.scales().segment());
            advance(part.info(name));
        }

        private void advance(TensorInfo tensor) {
            done += tensor.bytes();
            progress.accept(done);
        }

        Result result(Map<String, List<TensorInfo>> shards) {
            long bytes = shards.values().stream()
                    .flatMap(List::stream)
                    .mapToLong(TensorInfo::bytes)
                    .sum();
            return new Result(quantization, matrices, left, done, bytes);
        }

        @Override
        public void close() {
            arena.close();
        }
    }
}
