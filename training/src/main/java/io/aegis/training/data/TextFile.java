package io.aegis.training.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** A small text file, whole, in UTF-8. */
public final class TextFile {
    /** A list of a million samples has a fifth of this; larger files are something else. */
    static final long LIMIT = 1L << 30;

    private static final char BYTE_ORDER_MARK = '\uFEFF';

    private TextFile() {}

    /**
     * @return the text without a byte order mark
     * @throws DataException when the file is missing, a folder, too large, empty or not UTF-8
     */
    public static String read(Path file) {
        byte[] bytes;
        try {
            if (Files.isDirectory(file)) {
                throw new DataException(file + ": is a folder; expected a text file");
            }
            if (Files.size(file) > LIMIT) {
                throw new DataException(
                        file + ": has " + Files.size(file) + " bytes; expected a text file of at most " + LIMIT);
            }
            bytes = Files.readAllBytes(file);
        } catch (NoSuchFileException e) {
            throw new DataException(file + ": there is no such file", e);
        } catch (IOException e) {
            throw new DataException(file + ": cannot be read (" + e.getMessage() + ")", e);
        }
        ByteBuffer in = ByteBuffer.wrap(bytes);
        CharBuffer out = CharBuffer.allocate(bytes.length);
        CoderResult result = StandardCharsets.UTF_8.newDecoder().decode(in, out, true);
        if (result.isError()) {
            throw new DataException(
                    file + ", line " + lineOf(bytes, in.position()) + ": is not UTF-8; save the file in that encoding");
        }
        String text = out.flip().toString();
        text = !text.isEmpty() && text.charAt(0) == BYTE_ORDER_MARK ? text.substring(1) : text;
        if (text.isBlank()) {
            throw new DataException(file + ": is empty");
        }
        return text;
    }

    private static int lineOf(byte[] bytes, int position) {
        int line = 1;
        for (int i = 0; i < position; i++) {
            line += bytes[i] == '\n' ? 1 : 0;
        }
        return line;
    }
}
