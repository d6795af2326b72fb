package io.aegis.training.faceshield;

import io.aegis.image.ImageException;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.faceshield.FaceShieldConfig;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.models.faceshield.FaceShieldOptionsJson;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.training.data.Hashing;
import io.aegis.weights.StoredType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Through a tower that does not learn, once for each picture: what it saw is kept on disk, in the dtype of the tower's
 * matrices. Values are those of that dtype also where they were just computed.
 */
final class CachedEyes implements Eyes {
    private final FaceShieldNetwork network;
    private final FeatureCache cache;
    private final DType dtype;
    private final long[] shape;
    private final byte[] tower;
    private final Map<Path, String> keys = new ConcurrentHashMap<>();

    /**
     * @param parameters of the network
     * @param dtype that the tower is stored in
     */
    CachedEyes(FaceShieldNetwork network, Parameters parameters, DType dtype, Path folder) {
        FaceShieldConfig config = network.config();
        this.network = network;
        this.dtype = dtype;
        this.shape = new long[] {2, config.streamTokens(), config.vision().width()};
        this.cache = new FeatureCache(folder, StoredType.of(dtype), shape);
        this.tower = hash(parameters, config);
    }

    /** Of everything besides the picture that features follow from. */
    private static byte[] hash(Parameters parameters, FaceShieldConfig config) {
        MessageDigest sha = Hashing.sha256();
        String sees = config.vision() + " " + config.feature() + " " + config.framing() + " "
                + FaceShieldOptionsJson.write(config.options()).path("savp");
        sha.update(sees.getBytes(StandardCharsets.UTF_8));
        for (Parameter p : parameters.all()) {
            if (p.name().startsWith("vis.")) {
                sha.update(p.toString().getBytes(StandardCharsets.UTF_8));
                p.stored().forEach(view -> update(sha, view.segment()));
            }
        }
        return sha.digest();
    }

    private static void update(MessageDigest sha, MemorySegment bytes) {
        for (long at = 0; at < bytes.byteSize(); at += 1 << 20) {
            long n = Math.min(1 << 20, bytes.byteSize() - at);
            sha.update(bytes.asSlice(at, n).asByteBuffer());
        }
    }

    @Override
    public Tensor features(Path picture) {
        Tensor out = Tensor.empty(DType.F32, shape);
        try (Arena arena = Arena.ofConfined()) {
            View stored = cache.read(key(picture), arena)
                    .map(bytes -> View.of(Buffer.host(bytes), dtype, shape))
                    .orElseGet(() -> compute(picture, arena));
            Backends.best().elementwise().copy(stored, out.view());
        }
        return out;
    }

    @Override
    public void prepare(Path picture) {
        if (!cache.has(key(picture))) {
            try (Arena arena = Arena.ofConfined()) {
                compute(picture, arena);
            }
        }
    }

    private View compute(Path picture, Arena arena) {
        View rounded = View.allocate(arena, dtype, shape);
        try (Scope scope = Scope.open()) {
            Tape.withoutRecording(() -> {
                Tensor seen = network.features(new Pictures(network.config()).pixels(picture));
                Backends.best().elementwise().copy(seen.view(), rounded);
            });
        }
        cache.write(key(picture), rounded);
        return rounded;
    }

    private String key(Path picture) {
        return keys.computeIfAbsent(picture, p -> {
            MessageDigest sha = Hashing.sha256();
            sha.update(tower);
            try {
                sha.update(Files.readAllBytes(p));
            } catch (IOException e) {
                throw new ImageException(p + ": cannot be read (" + e + ")", e);
            }
            return HexFormat.of().formatHex(sha.digest());
        });
    }
}
