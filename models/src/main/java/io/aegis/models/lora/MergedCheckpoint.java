package io.aegis.models.lora;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.checkpoint.CheckpointLayout;
import io.aegis.models.checkpoint.WeightFiles;
import io.aegis.weights.AtomicFile;
import io.aegis.weights.AtomicFolder;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.Finite;
import io.aegis.weights.IoConsumer;
import io.aegis.weights.Quantization;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.StoredType;
import io.aegis.weights.TensorInfo;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * A checkpoint with an adapter merged into it: the same files with the same tensors in the same order and types, and
 * everything that lies beside them, so that the folder is a model of its own. What the adapter's folder has beside the
 * low-rank pairs, such as a projector, takes the place of the base's. One tensor is in memory at a time. Shards in
 * PyTorch's format become safetensors files.
 */
public final class MergedCheckpoint implements AutoCloseable {
    private final Path folder;
    private final Adapter adapter;
    private final Checkpoint base;
    private final CheckpointLayout layout;

    /** What changes, by the base's own names. */
    private final Map<String, Change> changes = new HashMap<>();

    /** What the base did not have. */
    private final Map<String, View> added = new LinkedHashMap<>();

    private sealed interface Change {
        /** W + s B A. */
        record Added(Adapter.Pair pair, double scale) implements Change {}

        /** Another tensor in its place. */
        record Replaced(View view) implements Change {}
    }

    private MergedCheckpoint(Path folder, Adapter adapter, Checkpoint base) {
        this.folder = folder;
        this.adapter = adapter;
        this.base = base;
        this.layout = CheckpointLayout.of(base);
    }

    /**
     * Finds out what changes.
     *
     * @param folder of the base: config.json and weights
     * @param adapter stays open as long as this
     * @throws WeightsException when the adapter is for another base: everything that does not fit is listed; or the base is
     *     quantised, because its rounding would swallow much of what the adapter adds
     */
    public static MergedCheckpoint of(Path folder, Adapter adapter) {
        if (!Files.isDirectory(folder)) {
            throw WeightsException.of(folder, "is no folder with config.json and weights");
        }
        Checkpoint base = Checkpoint.open(folder);
        try {
            if (Quantization.isIn(base)) {
                throw WeightsException.of(
                        folder,
                        "is quantised, and rounding would swallow much of what the adapter adds; merge the adapter into the"
                                + " weights that were quantised, then quantise the result");
            }
            MergedCheckpoint merged = new MergedCheckpoint(folder, adapter, base);
            merged.plan();
            return merged;
        } catch (RuntimeException e) {
            base.close();
            throw e;
        }
    }

    private void plan() {
        List<String> problems = new ArrayList<>();
        adapter.pairs().forEach((module, pair) -> {
            String name = inBase(module + ".weight").orElse(null);
            if (name == null) {
                problems.add("there is no " + module + ".weight");
                return;
            }
            long[] expected = {pair.b().size(0), pair.a().size(1)};
            if (fits(name, expected, problems)) {
                changes.put(name, new Change.Added(pair, adapter.config().scale(module)));
            }
        });
        adapter.others().forEach((other, view) -> {
            String name = inBase(other).orElse(null);
            if (name == null && isOfFaceShieldAlone(other)) {
                added.put(other, view);
            } else if (name == null) {
                problems.add("there is no " + other);
            } else if (fits(name, view.shape(), problems)) {
                changes.put(name, new Change.Replaced(view));
            }
        });
        if (!problems.isEmpty()) {
            int shown = Math.min(20, problems.size());
            String more = problems.size() > shown ? "; and " + (problems.size() - shown) + " more" : "";
            throw WeightsException.of(
                    adapter.path(),
                    "is an adapter for another base than " + folder + ": "
                            + String.join("; ", problems.subList(0, shown)) + more);
        }
    }

    /** The base's name of a tensor that the adapter names after its own base, perhaps of another layout. */
    private Optional<String> inBase(String name) {
        if (base.has(name)) {
            return Optional.of(name);
        }
        return CheckpointLayout.canonical(name).map(layout::nameOf).filter(base::has);
    }

    /** A published base has no projector for the auxiliary picture, and nothing that ranks tokens. */
    private static boolean isOfFaceShieldAlone(String name) {
        return CheckpointLayout.canonical(name)
                .filter(c -> c.startsWith("proj_sav.") || c.startsWith("pvtm."))
                .isPresent();
    }

    private boolean fits(String name, long[] expected, List<String> problems) {
        TensorInfo info = base.info(name);
        if (!Arrays.equals(info.shape(), expected)) {
            problems.add("tensor " + info + " has another shape than the adapter's " + Arrays.toString(expected));
            return false;
        }
        if (info.dtype().dtype().filter(DType::isFloating).isEmpty()) {
            problems.add("tensor " + info + " cannot be added to");
            return false;
        }
        return true;
    }

    /** Tensors that change or are new. */
    public int count() {
        return changes.size() + added.size();
    }

    /** Bytes of all tensors. */
    public long bytes() {
        return base.names().stream().mapToLong(n -> base.info(n).bytes()).sum() + addedBytes();
    }

    private long addedBytes() {
        return added.values().stream().mapToLong(View::bytes).sum();
    }

    /**
     * Writes the folder, which appears under its name when it is complete.
     *
     * @param out does not exist, or is empty
     * @param progress told the bytes written so far
     * @throws WeightsException when it exists, a sum exceeds the type that it is stored in, or a file cannot be written
     */
    public void write(Path out, LongConsumer progress) {
        WeightFiles files = new WeightFiles(folder, base);
        AtomicFolder.write(out, beside -> {
            long[] written = {0};
            for (Path file : files.files()) {
                try (Checkpoint part = Checkpoint.open(file)) {
                    List<TensorInfo> tensors = new ArrayList<>(
                            part.names().stream().map(part::info).toList());
                    if (file.equals(files.files().getLast())) {
                        added.forEach((name, view) ->
                                tensors.add(new TensorInfo(name, StoredType.of(view.dtype()), view.shape())));
                    }
                    SafetensorsWriter.write(
                            beside.resolve(WeightFiles.written(file)),
                            metadata(files, file, part),
                            tensors,
                            (tensor, sink) -> {
                                write(part, tensor, sink);
                                written[0] += tensor.bytes();
                                progress.accept(written[0]);
                            });
                }
            }
            files.copyOthers(beside);
            if (files.isSharded()) {
                Map<String, Long> more = new LinkedHashMap<>();
                added.forEach((name, view) -> more.put(name, view.bytes()));
                AtomicFile.write(
                        beside.resolve("model.safetensors.index.json"), files.index(more, adapter.threshold()));
            }
        });
    }

    /** Of shards it is the index that carries a threshold. */
    private Map<String, String> metadata(WeightFiles files, Path file, Checkpoint part) {
        Map<String, String> own = WeightFiles.metadata(file, part);
        return files.isSharded() ? own : DecisionThreshold.replace(own, adapter.threshold());
    }

    private void write(Checkpoint part, TensorInfo tensor, IoConsumer<MemorySegment> sink) throws IOException {
        if (added.containsKey(tensor.name())) {
            sink.accept(added.get(tensor.name()).segment());
            return;
        }
        Change change = changes.get(tensor.name());
        if (change == null) {
            sink.accept(part.bytes(tensor.name()));
            return;
        }
        try (Arena arena = Arena.ofShared()) {
            View weight = Views.of(part, tensor.name());
            View result = View.allocate(arena, weight.dtype(), weight.shape());
            switch (change) {
                case Change.Added(Adapter.Pair pair, double scale) -> LoraMerge.merge(weight, pair, scale, result);
                case Change.Replaced(View view) -> Backends.best().elementwise().copy(view, result);
            }
            Finite.check(adapter.path(), tensor.name() + ", merged into " + tensor.dtype() + ",", result);
            sink.accept(result.segment());
        }
    }

    @Override
    public void close() {
        base.close();
    }
}
