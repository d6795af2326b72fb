package io.aegis.weights;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Writes pickles of protocol 2 opcode by opcode, as Python's pickle module does for torch.save. */
final class PickleForge {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    PickleForge() {
        raw(0x80, 2);
    }

    PickleForge raw(int... bytes) {
        for (int b : bytes) {
            out.write(b);
        }
        return this;
    }

    PickleForge op(char opcode) {
        out.write(opcode);
        return this;
    }

    PickleForge global(String module, String name) {
        op('c');
        out.writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.UTF_8));
        return this;
    }

    PickleForge text(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        op('X');
        out.writeBytes(ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(bytes.length)
                .array());
        out.writeBytes(bytes);
        return this;
    }

    PickleForge integer(long value) {
        raw(0x8a, 8);
        out.writeBytes(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(value)
                .array());
        return this;
    }

    PickleForge tuple(long... values) {
        op('(');
        for (long v : values) {
            integer(v);
        }
        return op('t');
    }

    PickleForge orderedDict() {
        return global("collections", "OrderedDict").op(')').op('R');
    }

    /** A call of _rebuild_tensor_v2 over the storage {@code data/key}. */
    PickleForge tensor(String storage, String key, long elements, long offset, long[] size, long[] stride) {
        return global("torch._utils", "_rebuild_tensor_v2")
                .op('(')
                .op('(')
                .text("storage")
                .global("torch", storage)
                .text(key)
                .text("cpu")
                .integer(elements)
                .op('t')
                .op('Q')
                .integer(offset)
                .tuple(size)
                .tuple(stride)
                .raw(0x89)
                .orderedDict()
                .op('t')
                .op('R');
    }

    byte[] end() {
        op('.');
        return out.toByteArray();
    }
}
