package io.aegis.cli.verify;

import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.models.checkpoint.QuantizationRecipe;
import io.aegis.models.checkpoint.QuantizedModel;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.faceshield.FaceShieldFolder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Models whose matrices are rounded as {@code quantize --format} does, in folders that are there until this is closed. */
final class QuantizedFolders implements AutoCloseable {
    private final Format format;
    private final Path room;
    private final Map<Path, Path> made = new HashMap<>();

    QuantizedFolders(Format format) throws IOException {
        this.format = format;
        room = Files.createTempDirectory("aegis-verify");
    }

    /** The folder of a model so rounded; made when it is first asked for. */
    Path of(Path folder) {
        Path home = folder.toAbsolutePath().normalize();
        Path known = made.get(home);
        if (known == null) {
            known = room.resolve("" + made.size());
            write(home, known);
            made.put(home, known);
        }
        return known;
    }

    private void write(Path folder, Path out) {
        try (VisionLanguageCheckpoint source = FaceShieldFolder.openBase(folder)) {
            Format tower = source.config().language().isPresent() ? Format.INT8 : format;
            QuantizationRecipe recipe = new QuantizationRecipe(
                    format, Optional.of(tower), Optional.of(Format.INT8), QuantizationRecipe.GROUP);
            new QuantizedModel(folder, source, recipe).write(out, bytes -> {});
        }
    }

    @Override
    public void close() {
        try (Stream<Path> all = Files.walk(room)) {
            List<Path> innermostFirst = new ArrayList<>(all.toList()).reversed();
            for (Path each : innermostFirst) {
                Files.delete(each);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
