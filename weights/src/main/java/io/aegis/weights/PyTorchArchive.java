package io.aegis.weights;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.View;
import io.aegis.weights.Pickled.Storage;
import io.aegis.weights.Pickled.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A file of {@code torch.save} since version 1.6 (.pt, .pth, .bin): a zip archive with a pickle ({@code data.pkl}) that
 * describes tensors, and their storages ({@code data/0}, ...) stored uncompressed, which are mapped. The pickle is read
 * by {@link Unpickler}: no code is run, whatever the file says.
 *
 * <p>It must hold either a dict of tensors, or a dict in which exactly one of the keys {@code state_dict},
 * {@code model}, {@code model_state_dict} holds a dict of tensors; whatever else is there is then ignored. A tensor
 * that is not contiguous is copied when its bytes are first asked for.
 */
public final class PyTorchArchive implements Checkpoint {
    private static final List<String> WRAPPERS = List.of("state_dict", "model", "model_state_dict");

    private final MappedFile file;
    private final Map<String, Entry> entries;
    private final Map<String, MemorySegment> dense = new ConcurrentHashMap<>();

    /** A tensor with its storage's bytes. */
    private record Entry(TensorInfo info, Tensor tensor, MemorySegment storage) {}

    private PyTorchArchive(MappedFile file, Map<String, Entry> entries) {
        this.file = file;
        this.entries = entries;
    }

    /**
     * Maps an archive, reads its pickle and checks that every tensor lies inside its storage.
     *
     * @throws WeightsException when the archive is damaged, asks for anything but tensors and plain containers, or does
     *     not hold a dict of tensors
     */
    public static PyTorchArchive open(Path path) {
        MappedFile file = MappedFile.open(path);
        try {
            Map<String, MemorySegment> zip = ZipDirectory.read(path, file.memory());
            String folder = folder(path, zip);
            checkByteOrder(path, zip.get(folder + "byteorder"));
            MemorySegment pickle = zip.get(folder + "data.pkl");
            if (pickle.byteSize() > Integer.MAX_VALUE) {
                throw WeightsException.of(
                        path, "data.pkl has " + pickle.byteSize() + " bytes, too many for a description");
            }
            Map<String, Tensor> tensors = tensors(path, Unpickler.read(path, pickle.asByteBuffer()));
            Map<String, Entry> entries = new LinkedHashMap<>();
            tensors.forEach((name, tensor) -> entries.put(
                    name,
                    entry(
                            path,
                            name,
                            tensor,
                            zip.get(folder + "data/" + tensor.storage().key()))));
            return new PyTorchArchive(file, Collections.unmodifiableMap(entries));
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /** All entries lie in one folder, named as the file once was. */
    private static String folder(Path path, Map<String, MemorySegment> zip) {
        List<String> found = zip.keySet().stream()
                .filter(name -> name.matches("[^/]+/data\\.pkl"))
                .toList();
        if (found.size() != 1) {
            throw WeightsException.of(path, "a zip archive without a data.pkl, so not one of PyTorch's");
        }
        return found.getFirst().substring(0, found.getFirst().length() - "data.pkl".length());
    }

    private static void checkByteOrder(Path path, MemorySegment order) {
        if (order != null) {
            String text = new String(
                    order.asSlice(0, Math.min(order.byteSize(), 16)).toArray(ValueLayout.JAVA_BYTE),
                    StandardCharsets.UTF_8);
            if (!text.equals("little")) {
                throw WeightsException.of(path, "was saved in byte order " + text + ", expected little");
            }
        }
    }

    private static Map<String, Tensor> tensors(Path path, Object root) {
        if (!(root instanceof Map<?, ?> map)) {
            throw WeightsException.of(path, "holds no dict, expected one of tensors");
        }
        List<String> wrapped =
                WRAPPERS.stream().filter(key -> map.get(key) instanceof Map).toList();
        if (wrapped.size() > 1) {
            throw WeightsException.of(
                    path, "holds several dicts (" + String.join(", ", wrapped) + "), expected one of tensors");
        }
        return wrapped.isEmpty()
                ? tensors(path, "", map)
                : tensors(path, " under " + wrapped.getFirst(), (Map<?, ?>) map.get(wrapped.getFirst()));
    }

    private static Map<String, Tensor> tensors(Path path, String where, Map<?, ?> map) {
        Map<String, Tensor> out = new LinkedHashMap<>();
        map.forEach((key, value) -> {
            if (!(key instanceof String name) || !(value instanceof Tensor tensor)) {
                throw WeightsException.of(
                        path,
                        "the entry " + key + where
                                + " is no named tensor; expected a dict of tensors, at the top or under "
                                + String.join(" or ", WRAPPERS));
            }
            out.put(name, tensor);
        });
        return out;
    }

    private static Entry entry(Path path, String name, Tensor tensor, MemorySegment bytes) {
        Storage storage = tensor.storage();
        if (bytes == null) {
            throw WeightsException.of(path, name, "lies in data/" + storage.key() + ", which is not in the archive");
        }
        TensorInfo info = new TensorInfo(name, storage.dtype(), tensor.shape());
        try {
            if (storage.dtype().bytes(storage.elements()) != bytes.byteSize()) {
                throw WeightsException.of(
                        path,
                        name,
                        "lies in data/" + storage.key() + " with " + bytes.byteSize() + " bytes, but "
                                + storage.elements() + " elements of " + storage.dtype() + " are said to be there");
            }
            if (tensor.strides().length != tensor.shape().length || lastElement(tensor) >= storage.elements()) {
                throw WeightsException.of(path, name, "reaches outside its storage data/" + storage.key());
            }
            // Repeated elements (stride 0) take no room in the file; a small file must not ask for much memory.
            long size = info.bytes();
            if (!isDense(tensor) && size > Math.max(bytes.byteSize(), 1 << 20)) {
                throw WeightsException.of(
                        path,
                        name,
                        "repeats " + bytes.byteSize() + " bytes to " + size + "; save a copy of it instead");
            }
        } catch (ArithmeticException e) {
            throw new WeightsException(path + ": tensor " + name + " is too large to address", e);
        }
        return new Entry(info, tensor, bytes);
    }

    /** Index in the storage of the last element; -1 when there are none. */
    private static long lastElement(Tensor tensor) {
        long last = tensor.offset();
        if (last < 0) {
            throw new ArithmeticException();
        }
        for (int i = 0; i < tensor.shape().length; i++) {
            if (tensor.shape()[i] == 0) {
                return -1;
            }
            last = Math.addExact(last, Math.multiplyExact(tensor.shape()[i] - 1, tensor.strides()[i]));
        }
        return last;
    }

    private static boolean isDense(Tensor tensor) {
        long step = 1;
        for (int i = tensor.shape().length - 1; i >= 0; i--) {
            if (tensor.shape()[i] == 0) {
                return true;
            }
            if (tensor.shape()[i] != 1 && tensor.strides()[i] != step) {
                return false;
            }
            step *= tensor.shape()[i];
        }
        return true;
    }

    @Override
    public Path path() {
        return file.path();
    }

    /** In the order of the dict. */
    @Override
    public List<String> names() {
        return List.copyOf(entries.keySet());
    }

    @Override
    public boolean has(String name) {
        return entries.containsKey(name);
    }

    @Override
    public TensorInfo info(String name) {
        return entry(name).info();
    }

    @Override
    public MemorySegment bytes(String name) {
        Entry e = entry(name);
        if (e.info().elements() == 0) {
            return e.storage().asSlice(0, 0);
        }
        if (isDense(e.tensor())) {
            long element = e.info().dtype().bits() / 8;
            return e.storage().asSlice(e.tensor().offset() * element, e.info().bytes());
        }
        return dense.computeIfAbsent(name, _ -> gathered(e));
    }

    /** Row-major copy of a strided tensor. The bytes of each element move as they are, whatever they mean. */
    private MemorySegment gathered(Entry e) {
        Tensor t = e.tensor();
        long element = e.info().dtype().bits() / 8;
        MemorySegment out = file.arena().allocate(e.info().bytes(), Buffer.ALIGNMENT);
        long[] shape = t.shape();
        long count = View.count(shape);
        for (long linear = 0; linear < count; linear++) {
            long from = t.offset();
            long rest = linear;
            for (int d = shape.length - 1; d >= 0; d--) {
                from += rest % shape[d] * t.strides()[d];
                rest /= shape[d];
            }
            MemorySegment.copy(e.storage(), from * element, out, linear * element, element);
        }
        return out.asReadOnly();
    }

    /** Empty: the format has none. */
    @Override
    public Map<String, String> metadata() {
        return Map.of();
    }

    private Entry entry(String name) {
        Entry e = entries.get(name);
        if (e == null) {
            throw WeightsException.of(path(), "there is no tensor " + name);
        }
        return e;
    }

    @Override
    public void close() {
        file.close();
    }
}
