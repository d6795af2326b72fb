package io.aegis.weights;

import io.aegis.weights.Pickled.Global;
import io.aegis.weights.Pickled.Mark;
import io.aegis.weights.Pickled.Storage;
import io.aegis.weights.Pickled.StorageType;
import io.aegis.weights.Pickled.Tensor;
import io.aegis.weights.Pickled.Tuple;
import java.math.BigInteger;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads the pickles that {@code torch.save} writes (protocols 2 to 5; Python's pickletools lists the opcodes), and
 * nothing else. A pickle is a program; here it can only build plain containers and describe tensors. Names outside a
 * short list are refused when they are mentioned, before anything is done with them; no name is ever looked up and
 * nothing is called.
 */
final class Unpickler {
    private static final Map<String, Pickled> ALLOWED = Map.ofEntries(
            Map.entry("collections.OrderedDict", Global.ORDERED_DICT),
            Map.entry("torch._utils._rebuild_tensor_v2", Global.REBUILD_TENSOR),
            Map.entry("torch._utils._rebuild_parameter", Global.REBUILD_PARAMETER),
            Map.entry("torch.DoubleStorage", new StorageType(StoredType.F64)),
            Map.entry("torch.FloatStorage", new StorageType(StoredType.F32)),
            Map.entry("torch.HalfStorage", new StorageType(StoredType.F16)),
            Map.entry("torch.BFloat16Storage", new StorageType(StoredType.BF16)),
            Map.entry("torch.LongStorage", new StorageType(StoredType.I64)),
            Map.entry("torch.IntStorage", new StorageType(StoredType.I32)),
            Map.entry("torch.ShortStorage", new StorageType(StoredType.I16)),
            Map.entry("torch.CharStorage", new StorageType(StoredType.I8)),
            Map.entry("torch.ByteStorage", new StorageType(StoredType.U8)),
            Map.entry("torch.BoolStorage", new StorageType(StoredType.BOOL)),
            Map.entry("torch.ComplexFloatStorage", new StorageType(StoredType.C64)));

    private final Path file;
    private final ByteBuffer in;
    private final List<Object> stack = new ArrayList<>();
    private final Map<Integer, Object> memo = new HashMap<>();

    private Unpickler(Path file, ByteBuffer in) {
        this.file = file;
        this.in = in.order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * The value that a pickle describes: null, Boolean, Long, BigInteger, Double, String, byte[], List, Map, Set, or a
     * {@link Pickled}.
     *
     * @throws WeightsException when it mentions anything that is not allowed, or is no pickle
     */
    static Object read(Path file, ByteBuffer pickle) {
        Unpickler unpickler = new Unpickler(file, pickle);
        try {
            return unpickler.run();
        } catch (BufferUnderflowException _) {
            throw unpickler.malformed("it is cut short");
        }
    }

    private Object run() {
        while (true) {
            int opcode = u8();
            if (opcode == '.') {
                Object result = pop();
                if (!stack.isEmpty()) {
                    throw malformed("values are left over at its end");
                }
                return result;
            }
            if (!structure(opcode) && !value(opcode) && !container(opcode)) {
                throw malformed(String.format("opcode 0x%02x is not allowed", opcode));
            }
        }
    }

    /** Framing, memory and calls. */
    private boolean structure(int opcode) {
        switch (opcode) {
            case 0x80 -> protocol(u8());
            case 0x95 -> in.getLong(); // FRAME: a hint for readers of streams
            case '(' -> push(Mark.MARK);
            case 'q' -> memo.put(u8(), peek());
            case 'r' -> memo.put(in.getInt(), peek());
            case 0x94 -> memo.put(memo.size(), peek());
            case 'h' -> push(recall(u8()));
            case 'j' -> push(recall(in.getInt()));
            case 'c' -> push(global(line(), line()));
            case 0x93 -> { // STACK_GLOBAL
                String name = pop(String.class);
                push(global(pop(String.class), name));
            }
            case 'R' -> {
                Tuple arguments = pop(Tuple.class);
                push(call(pop(), arguments.items()));
            }
            case 'b' -> { // BUILD sets attributes; an OrderedDict's (_metadata: versions of modules) are not needed
                pop();
                if (!(peek() instanceof Map)) {
                    throw malformed("attributes are set on something else than an OrderedDict");
                }
            }
            case 'Q' -> push(storage(pop(Tuple.class).items()));
            default -> {
                return false;
            }
        }
        return true;
    }

    private boolean value(int opcode) {
        switch (opcode) {
            case 'N' -> push(null);
            case 0x88 -> push(true);
            case 0x89 -> push(false);
            case 'J' -> push((long) in.getInt());
            case 'K' -> push((long) u8());
            case 'M' -> push((long) (in.getShort() & 0xffff));
            case 0x8a -> push(integer(bytes(u8())));
            case 0x8b -> push(integer(bytes(in.getInt())));
            case 'G' -> push(Double.longBitsToDouble(Long.reverseBytes(in.getLong())));
            case 'X' -> push(text(in.getInt() & 0xffffffffL));
            case 0x8c -> push(text(u8()));
            case 0x8d -> push(text(in.getLong()));
            case 'U' -> push(text(u8())); // Python 2's str
            case 'T' -> push(text(in.getInt()));
            case 'C' -> push(bytes(u8()));
            case 'B' -> push(bytes(in.getInt() & 0xffffffffL));
            default -> {
                return false;
            }
        }
        return true;
    }

    private boolean container(int opcode) {
        switch (opcode) {
            case '}' -> push(new LinkedHashMap<Object, Object>());
            case ']' -> push(new ArrayList<>());
            case ')' -> push(new Tuple(List.of()));
            case 0x8f -> push(new LinkedHashSet<>());
            case 't' -> push(new Tuple(popToMark()));
            case 0x85 -> push(new Tuple(popLast(1)));
            case 0x86 -> push(new Tuple(popLast(2)));
            case 0x87 -> push(new Tuple(popLast(3)));
            case 'a' -> append(popLast(1));
            case 'e' -> append(popToMark());
            case 's' -> setItems(popLast(2));
            case 'u' -> setItems(popToMark());
            case 0x90 -> addItems(popToMark());
            default -> {
                return false;
            }
        }
        return true;
    }

    private void protocol(int version) {
        if (version < 2 || version > 5) {
            throw malformed("protocol " + version + " is not known, expected 2 to 5");
        }
    }

    private Pickled global(String module, String name) {
        Pickled known = ALLOWED.get(module + "." + name);
        if (known == null) {
            throw WeightsException.of(
                    file,
                    "the pickle asks for " + printable(module + "." + name)
                            + ", which is refused: only tensors and plain containers are read; save it as safetensors");
        }
        return known;
    }

    /** The only three calls there are; each only describes. */
    private Object call(Object function, List<Object> arguments) {
        if (function == Global.ORDERED_DICT && arguments.isEmpty()) {
            return new LinkedHashMap<Object, Object>();
        }
        // storage, offset, size, stride, requires_grad, backward_hooks, and since 1.13 sometimes metadata
        if (function == Global.REBUILD_TENSOR
                && arguments.size() >= 4
                && arguments.get(0) instanceof Storage storage
                && arguments.get(1) instanceof Long offset
                && arguments.get(2) instanceof Tuple size
                && arguments.get(3) instanceof Tuple stride) {
            return new Tensor(storage, offset, longs(size), longs(stride));
        }
        // data, requires_grad, backward_hooks
        if (function == Global.REBUILD_PARAMETER
                && !arguments.isEmpty()
                && arguments.getFirst() instanceof Tensor tensor) {
            return tensor;
        }
        throw malformed("a call has the wrong arguments, or calls what is no function");
    }

    /** The persistent id {@code ('storage', type, key, device, number of elements)}. */
    private Storage storage(List<Object> id) {
        if (id.size() == 5
                && "storage".equals(id.get(0))
                && id.get(1) instanceof StorageType(StoredType dtype)
                && id.get(2) instanceof String key
                && id.get(4) instanceof Long elements
                && elements >= 0) {
            return new Storage(dtype, key, elements);
        }
        throw malformed("a storage is not described as torch.save does");
    }

    private long[] longs(Tuple tuple) {
        return tuple.items().stream()
                .mapToLong(item -> {
                    if (item instanceof Long n && n >= 0) {
                        return n;
                    }
                    throw malformed("a size or stride is not a whole number from 0");
                })
                .toArray();
    }

    private void append(List<Object> items) {
        if (!(peek() instanceof ArrayList<?>)) {
            throw malformed("something is appended to what is no list");
        }
        @SuppressWarnings("unchecked")
        List<Object> list = (List<Object>) peek();
        list.addAll(items);
    }

    private void addItems(List<Object> items) {
        if (!(peek() instanceof LinkedHashSet<?>)) {
            throw malformed("something is added to what is no set");
        }
        @SuppressWarnings("unchecked")
        Set<Object> set = (Set<Object>) peek();
        items.forEach(item -> set.add(key(item)));
    }

    private void setItems(List<Object> items) {
        if (!(peek() instanceof LinkedHashMap<?, ?>) || items.size() % 2 != 0) {
            throw malformed("something is set in what is no dict");
        }
        @SuppressWarnings("unchecked")
        Map<Object, Object> map = (Map<Object, Object>) peek();
        for (int i = 0; i < items.size(); i += 2) {
            map.put(key(items.get(i)), items.get(i + 1));
        }
    }

    /** Only plain values: a container that holds itself has no hash. */
    private Object key(Object key) {
        return switch (key) {
            case null -> null;
            case String _, Long _, Double _, Boolean _, BigInteger _ -> key;
            default -> throw malformed("a key is neither text nor a number");
        };
    }

    private void push(Object value) {
        stack.add(value);
    }

    private Object peek() {
        if (stack.isEmpty() || stack.getLast() == Mark.MARK) {
            throw malformed("a value is missing");
        }
        return stack.getLast();
    }

    private Object pop() {
        Object value = peek();
        stack.removeLast();
        return value;
    }

    private <T> T pop(Class<T> type) {
        Object value = pop();
        if (!type.isInstance(value)) {
            throw malformed("found something else than a " + type.getSimpleName());
        }
        return type.cast(value);
    }

    private List<Object> popLast(int count) {
        Object[] out = new Object[count];
        for (int i = count - 1; i >= 0; i--) {
            out[i] = pop();
        }
        return Arrays.asList(out);
    }

    private List<Object> popToMark() {
        int mark = stack.lastIndexOf(Mark.MARK);
        if (mark < 0) {
            throw malformed("a mark is missing");
        }
        List<Object> top = stack.subList(mark, stack.size());
        List<Object> out = new ArrayList<>(top.subList(1, top.size()));
        top.clear();
        return out;
    }

    private Object recall(int index) {
        if (!memo.containsKey(index)) {
            throw malformed("it recalls what it never stored");
        }
        return memo.get(index);
    }

    private int u8() {
        return in.get() & 0xff;
    }

    private byte[] bytes(long length) {
        if (length < 0 || length > in.remaining()) {
            throw malformed("it is cut short");
        }
        byte[] out = new byte[(int) length];
        in.get(out);
        return out;
    }

    private String text(long length) {
        return new String(bytes(length), StandardCharsets.UTF_8);
    }

    private String line() {
        int start = in.position();
        while (in.get() != '\n') {
            // Up to the end of the line, or of the pickle.
        }
        int length = in.position() - start - 1;
        byte[] out = new byte[length];
        in.get(start, out);
        return new String(out, StandardCharsets.UTF_8);
    }

    /** Little-endian two's complement; no bytes are 0. */
    private Object integer(byte[] bytes) {
        byte[] bigEndian = new byte[bytes.length + 1];
        for (int i = 0; i < bytes.length; i++) {
            bigEndian[bytes.length - i] = bytes[i];
        }
        bigEndian[0] = (byte) (bytes.length > 0 && bytes[bytes.length - 1] < 0 ? -1 : 0);
        BigInteger value = new BigInteger(bigEndian);
        if (value.bitLength() < 64) {
            return value.longValue();
        }
        return value;
    }

    private static String printable(String text) {
        String shown = text.length() <= 100 ? text : text.substring(0, 100) + "...";
        return shown.replaceAll("\\p{Cntrl}", "?");
    }

    private WeightsException malformed(String what) {
        return WeightsException.of(file, "the pickle in it is malformed near byte " + in.position() + ": " + what);
    }
}
