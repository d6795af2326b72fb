package io.aegis.training.faceshield;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.checkpoint.CheckpointLayout;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.checkpoint.VisionLanguageConfig;
import io.aegis.models.faceshield.FaceShieldConfig;
import io.aegis.models.faceshield.FaceShieldFolder;
import io.aegis.tokenizer.ChatTemplate;
import io.aegis.tokenizer.Tokenizer;
import io.aegis.training.TrainingException;
import io.aegis.training.data.Hashing;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.WeightsException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * What training starts from: a model's folder; or one with {@code config.json} and a tokenizer only, whose weights then
 * begin at random.
 */
final class BaseModel implements AutoCloseable {
    private static final String CONFIG = "config.json";
    private static final long END = 1 << 20;
    private static final List<String> SUFFIXES = List.of(".safetensors", ".bin", ".index.json");

    private final Path folder;
    private final ConfigJson json;
    private final Optional<VisionLanguageCheckpoint> checkpoint;
    private final FaceShieldConfig config;
    private final Tokenizer tokenizer;

    private BaseModel(
            Path folder,
            ConfigJson json,
            Optional<VisionLanguageCheckpoint> checkpoint,
            FaceShieldConfig config,
            Tokenizer tokenizer) {
        this.folder = folder;
        this.json = json;
        this.checkpoint = checkpoint;
        this.tokenizer = tokenizer;
        this.config = config;
    }

    /**
     * Opens a folder.
     *
     * @throws WeightsException when a file is missing or damaged, or config, weights and tokenizer do not fit each other
     */
    static BaseModel open(Path folder) {
        ConfigJson json = ConfigJson.read(folder.resolve(CONFIG));
        Optional<VisionLanguageCheckpoint> checkpoint =
                weightFiles(folder).isEmpty() ? Optional.empty() : Optional.of(FaceShieldFolder.openBase(folder));
        try {
            FaceShieldConfig config = FaceShieldConfig.of(
                    checkpoint.map(VisionLanguageCheckpoint::config).orElseGet(() -> sizes(json)), json);
            return new BaseModel(folder, json, checkpoint, config, FaceShieldFolder.tokenizer(folder, config, json));
        } catch (RuntimeException e) {
            checkpoint.ifPresent(VisionLanguageCheckpoint::close);
            throw e;
        }
    }

    private static VisionLanguageConfig sizes(ConfigJson json) {
        ConfigJson text = json.has("text_config") ? json.object("text_config") : json;
        return VisionLanguageConfig.read(json, OptionalLong.of(text.positive("vocab_size")), Optional.empty());
    }

    private static List<Path> weightFiles(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(f -> SUFFIXES.stream().anyMatch(f.getFileName().toString()::endsWith))
                    .filter(f -> !f.getFileName().toString().startsWith("."))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new WeightsException(folder + ": cannot be read: " + e, e);
        }
    }

    Path folder() {
        return folder;
    }

    FaceShieldConfig config() {
        return config;
    }

    Tokenizer tokenizer() {
        return tokenizer;
    }

    /** How conversations are written for this model. */
    ChatTemplate template() {
        return FaceShieldFolder.template(json);
    }

    /** How the files name tensors. */
    CheckpointLayout layout() {
        return checkpoint.map(VisionLanguageCheckpoint::layout).orElseGet(() -> VisionLanguageConfig.layout(json));
    }

    Optional<VisionLanguageCheckpoint> checkpoint() {
        return checkpoint;
    }

    /** What a tensor is stored in: as the base has it; where it has none or a quantised one, as its config says. */
    DType dtype(String canonical) {
        return checkpoint
                .filter(c -> c.tensors().has(canonical))
                .flatMap(c -> c.tensors().info(canonical).dtype().dtype())
                .filter(DType::isFloating)
                .orElseGet(() -> switch (json.text("torch_dtype", "float32")) {
                    case "float16" -> DType.F16;
                    case "bfloat16" -> DType.BF16;
                    default -> DType.F32;
                });
    }

    /**
     * Fills a network's parameters: with the weights there are, frozen ones where they lie; or at random.
     *
     * @param trained which learn
     * @throws TrainingException when there are no weights and not everything learns
     */
    void fill(Parameters p, Predicate<Parameter> trained, long seed) {
        if (checkpoint.isEmpty()) {
            if (!p.all().stream().allMatch(trained)) {
                throw new TrainingException(
                        folder + ": holds no weights; only with --stage full does a model begin at random");
            }
            p.initialize(DType.F32, seed);
            return;
        }
        VisionLanguageCheckpoint c = checkpoint.get();
        // What lies between tower and language model learns, so that none of it is read from here later.
        try (Parameters fresh = new Parameters()) {
            Function<String, View> source = FaceShieldFolder.beginning(c, config, fresh, seed);
            List<String> names =
                    p.names(name -> c.tensors().has(name) || p.get(name) != null && FaceShieldFolder.mayBegin(name));
            p.loadAsStored(c.path().toString(), names, source, trained);
        } catch (IllegalArgumentException e) {
            throw new WeightsException(e.getMessage(), e);
        }
    }

    /** Changes whenever the base does: its config, and names, sizes and ends of its weight files. */
    String fingerprint() {
        MessageDigest sha = Hashing.sha256();
        try {
            sha.update(Files.readAllBytes(folder.resolve(CONFIG)));
            for (Path file : weightFiles(folder)) {
                sha.update((file.getFileName() + " " + Files.size(file) + "\0").getBytes(StandardCharsets.UTF_8));
                sha.update(ends(file));
            }
        } catch (IOException e) {
            throw new WeightsException(folder + ": cannot be read: " + e, e);
        }
        return HexFormat.of().formatHex(sha.digest());
    }

    /** The first and last megabyte: the whole of a file of many would take minutes. */
    private static byte[] ends(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(2 * END, channel.size()));
            long gap = channel.size() - bytes.capacity();
            int half = bytes.capacity() / 2;
            while (bytes.hasRemaining()) {
                int place = bytes.position();
                bytes.limit(place < half ? half : bytes.capacity());
                if (channel.read(bytes, place < half ? place : place + gap) < 0) {
                    throw new EOFException(file + " became shorter while it was read");
                }
                bytes.limit(bytes.capacity());
            }
            return bytes.array();
        }
    }

    @Override
    public void close() {
        checkpoint.ifPresent(VisionLanguageCheckpoint::close);
    }
}
