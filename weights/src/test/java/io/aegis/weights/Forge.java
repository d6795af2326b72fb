package io.aegis.weights;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;

/** Makes files byte by byte, good and bad, without the code under test. */
final class Forge {
    private Forge() {}

    /** A safetensors file with exactly this header text and this many zero bytes of data. */
    static byte[] safetensors(String header, int dataBytes) {
        return safetensors(header.getBytes(StandardCharsets.UTF_8), dataBytes);
    }

    static byte[] safetensors(byte[] header, int dataBytes) {
        return ByteBuffer.allocate(8 + header.length + dataBytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length)
                .put(header)
                .array();
    }

    static Path write(Path folder, String name, byte[] bytes) {
        try {
            return Files.write(folder.resolve(name), bytes);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** A zip archive as torch.save makes it; with {@code zip64}, sizes and places stand in the extra fields only. */
    static byte[] zip(Map<String, byte[]> entries, boolean zip64) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        List<byte[]> central = new ArrayList<>();
        entries.forEach((path, data) -> {
            byte[] name = path.getBytes(StandardCharsets.UTF_8);
            CRC32 crc = new CRC32();
            crc.update(data);
            int local = out.size();
            int padding = Math.floorMod(-(local + 30 + name.length + 4), 64);
            out.writeBytes(little(30 + name.length + 4 + padding)
                    .putInt(0x04034b50)
                    .putShort((short) 0)
                    .putShort((short) 0)
                    .putShort((short) 0)
                    .putInt(0)
                    .putInt((int) crc.getValue())
                    .putInt(data.length)
                    .putInt(data.length)
                    .putShort((short) name.length)
                    .putShort((short) (4 + padding))
                    .put(name)
                    .put(new byte[] {'F', 'B'})
                    .putShort((short) padding)
                    .array());
            out.writeBytes(data);
            int extra = zip64 ? 28 : 0;
            ByteBuffer record = little(46 + name.length + extra)
                    .putInt(0x02014b50)
                    .putShort((short) 0)
                    .putShort((short) 0)
                    .putShort((short) 0)
                    .putShort((short) 0)
                    .putInt(0)
                    .putInt((int) crc.getValue())
                    .putInt(zip64 ? -1 : data.length)
                    .putInt(zip64 ? -1 : data.length)
                    .putShort((short) name.length)
                    .putShort((short) extra)
                    .putShort((short) 0)
                    .putShort((short) 0)
                    .putShort((short) 0)
                    .putInt(0)
                    .putInt(zip64 ? -1 : local)
                    .put(name);
            if (zip64) {
                record.putShort((short) 1)
                        .putShort((short) 24)
                        .putLong(data.length)
                        .putLong(data.length)
                        .putLong(local);
            }
            central.add(record.array());
        });
        int start = out.size();
        central.forEach(out::writeBytes);
        int size = out.size() - start;
        if (zip64) {
            int end64 = out.size();
            out.writeBytes(little(56)
                    .putInt(0x06064b50)
                    .putLong(44)
                    .putInt(0)
                    .putInt(0)
                    .putInt(0)
                    .putLong(central.size())
                    .putLong(central.size())
                    .putLong(size)
                    .putLong(start)
                    .array());
            out.writeBytes(little(20)
                    .putInt(0x07064b50)
                    .putInt(0)
                    .putLong(end64)
                    .putInt(1)
                    .array());
        }
        out.writeBytes(little(22)
                .putInt(0x06054b50)
                .putInt(0)
                .putShort((short) (zip64 ? -1 : central.size()))
                .putShort((short) (zip64 ? -1 : central.size()))
                .putInt(zip64 ? -1 : size)
                .putInt(zip64 ? -1 : start)
                .putShort((short) 0)
                .array());
        return out.toByteArray();
    }

    private static ByteBuffer little(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
}
