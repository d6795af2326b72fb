package io.aegis.image;

import java.nio.charset.StandardCharsets;

/** A file in memory with its name, read at any place; reading past the end is a sentence, not an index. */
record Bytes(byte[] data, String name) {
    int size() {
        return data.length;
    }

    int u8(long at) {
        if (at < 0 || at >= data.length) {
            throw truncated(at + 1);
        }
        return data[(int) at] & 0xff;
    }

    int u16be(long at) {
        return u8(at) << 8 | u8(at + 1);
    }

    int u16le(long at) {
        return u8(at) | u8(at + 1) << 8;
    }

    int i32be(long at) {
        return u16be(at) << 16 | u16be(at + 2);
    }

    int i32le(long at) {
        return u16le(at) | u16le(at + 2) << 16;
    }

    long u32be(long at) {
        return i32be(at) & 0xffffffffL;
    }

    long u32le(long at) {
        return i32le(at) & 0xffffffffL;
    }

    /** Whether these Latin-1 characters stand at this place. */
    boolean has(long at, String text) {
        if (at + text.length() > data.length) {
            return false;
        }
        return new String(data, (int) at, text.length(), StandardCharsets.ISO_8859_1).equals(text);
    }

    ImageException truncated(long needed) {
        return broken("the file is truncated: it has " + data.length + " bytes and needs at least " + needed);
    }

    ImageException broken(String what) {
        return new ImageException(name + ": " + what);
    }
}
