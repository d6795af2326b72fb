package io.aegis.weights;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Tells what a file or folder holds. */
final class CheckpointFormat {
    private static final List<String> IN_A_FOLDER = List.of(
            "model.safetensors.index.json",
            "model.safetensors",
            "pytorch_model.bin.index.json",
            "pytorch_model.bin",
            "adapter_model.safetensors",
            "adapter_model.bin");

    private CheckpointFormat() {}

    static Checkpoint open(Path path) {
        if (!Files.isDirectory(path)) {
            return openFile(path);
        }
        for (String name : IN_A_FOLDER) {
            if (Files.exists(path.resolve(name))) {
                return openFile(path.resolve(name));
            }
        }
        throw WeightsException.of(
                path, "the folder holds no weights, expected one of " + String.join(", ", IN_A_FOLDER));
    }

    private static Checkpoint openFile(Path file) {
        return file.getFileName().toString().endsWith(".index.json") ? ShardedCheckpoint.open(file) : openSingle(file);
    }

    /** A file that holds tensors itself: a shard, or all there is. */
    static Checkpoint openSingle(Path file) {
        MappedFile.checkReadable(file);
        byte[] start;
        try (InputStream in = Files.newInputStream(file)) {
            start = in.readNBytes(4);
        } catch (IOException e) {
            throw new WeightsException(file + ": cannot be read: " + Reason.of(e), e);
        }
        if (start.length == 4 && start[0] == 'P' && start[1] == 'K' && start[2] == 3 && start[3] == 4) {
            return PyTorchArchive.open(file);
        }
        if (start.length >= 2 && start[0] == (byte) 0x80 && start[1] >= 2 && start[1] <= 5) {
            throw WeightsException.of(
                    file, "is a PyTorch file older than version 1.6 or a bare pickle; save it again as safetensors");
        }
        return Safetensors.open(file);
    }
}
