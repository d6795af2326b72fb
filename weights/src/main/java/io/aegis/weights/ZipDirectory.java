package io.aegis.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Where the entries of a mapped zip archive lie (PKWARE APPNOTE 6.3, sections 4.3 to 4.5, with ZIP64). The JDK's own
 * reader copies every entry out; stored entries need no copy.
 */
final class ZipDirectory {
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int LOCAL = 0x04034b50;
    private static final int CENTRAL = 0x02014b50;
    private static final int END = 0x06054b50;
    private static final int END64 = 0x06064b50;
    private static final int LOCATOR64 = 0x07064b50;
    private static final int END_SIZE = 22;
    private static final int LOCATOR64_SIZE = 20;
    private static final long IN_EXTRA = 0xffffffffL;

    private final Path file;
    private final MemorySegment zip;
    private final Map<String, MemorySegment> entries = new LinkedHashMap<>();

    private ZipDirectory(Path file, MemorySegment zip) {
        this.file = file;
        this.zip = zip;
    }

    /**
     * The bytes of all entries by name, in the order of the archive.
     *
     * @throws WeightsException when the archive is damaged, or an entry is compressed, encrypted or listed twice
     */
    static Map<String, MemorySegment> read(Path file, MemorySegment zip) {
        ZipDirectory directory = new ZipDirectory(file, zip);
        try {
            directory.readEntries();
        } catch (IndexOutOfBoundsException e) {
            throw new WeightsException(file + ": the zip archive is damaged: it points outside the file", e);
        }
        return Collections.unmodifiableMap(directory.entries);
    }

    private void readEntries() {
        long end = findEnd();
        long count = u16(end + 10);
        long at = u32(end + 16);
        if (end >= LOCATOR64_SIZE && zip.get(U32, end - LOCATOR64_SIZE) == LOCATOR64) {
            long end64 = zip.get(U64, end - LOCATOR64_SIZE + 8);
            expect(END64, end64);
            count = zip.get(U64, end64 + 32);
            at = zip.get(U64, end64 + 48);
        }
        for (long i = 0; i < count; i++) {
            expect(CENTRAL, at);
            at = readEntry(at);
        }
    }

    /** The end record is at the end, before a comment of at most 64 KiB. */
    private long findEnd() {
        long last = zip.byteSize() - END_SIZE;
        for (long at = last; at >= Math.max(0, last - 0xffff); at--) {
            if (zip.get(U32, at) == END && at + END_SIZE + u16(at + 20) == zip.byteSize()) {
                return at;
            }
        }
        throw WeightsException.of(file, "the zip archive has no directory; is it complete?");
    }

    /** Reads one entry of the central directory and returns where the next begins. */
    private long readEntry(long at) {
        int nameLength = u16(at + 28);
        int extraLength = u16(at + 30);
        String name = text(at + 46, nameLength);
        if ((u16(at + 8) & 1) != 0) {
            throw WeightsException.of(file, "the entry " + name + " is encrypted");
        }
        if (u16(at + 10) != 0) {
            throw WeightsException.of(file, "the entry " + name + " is compressed, expected it stored as it is");
        }
        long packed = u32(at + 20);
        long size = u32(at + 24);
        long local = u32(at + 42);
        long extra = zip64Extra(at + 46 + nameLength, extraLength);
        // The ZIP64 field holds only those of the three that do not fit above, in this order.
        if (size == IN_EXTRA) {
            size = zip.get(U64, extra);
            extra += 8;
        }
        if (packed == IN_EXTRA) {
            packed = zip.get(U64, extra);
            extra += 8;
        }
        if (local == IN_EXTRA) {
            local = zip.get(U64, extra);
        }
        if (packed != size) {
            throw WeightsException.of(file, "the entry " + name + " is stored but its two sizes differ");
        }
        expect(LOCAL, local);
        // The local header's extra field pads the data to 64 bytes; its length differs from the directory's.
        long start = local + 30 + u16(local + 26) + u16(local + 28);
        if (entries.put(name, zip.asSlice(start, size)) != null) {
            throw WeightsException.of(file, "the entry " + name + " is there twice");
        }
        return at + 46 + nameLength + extraLength + u16(at + 32);
    }

    /** Where the content of the ZIP64 field begins; an address outside the file when there is none. */
    private long zip64Extra(long at, int length) {
        long end = at + length;
        for (long field = at; field + 4 <= end; field += 4 + u16(field + 2)) {
            if (u16(field) == 1) {
                return field + 4;
            }
        }
        return zip.byteSize();
    }

    private void expect(int signature, long at) {
        if (zip.get(U32, at) != signature) {
            throw WeightsException.of(file, "the zip archive is damaged at byte " + at);
        }
    }

    private String text(long at, int length) {
        return new String(zip.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }

    private int u16(long at) {
        return zip.get(U16, at) & 0xffff;
    }

    private long u32(long at) {
        return zip.get(U32, at) & 0xffffffffL;
    }
}
