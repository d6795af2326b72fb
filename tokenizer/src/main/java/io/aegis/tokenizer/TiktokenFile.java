package io.aegis.tokenizer;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Tiktoken's ranks, Llama 3's {@code tokenizer.model}: a line a token, its bytes in base64, a space, its rank, which is its
 * id. Two neighbours whose concatenation is a token become it, the lowest rank first.
 */
final class TiktokenFile {
    /** The special tokens of Llama 3 that have names; between and behind them stand reserved ones, 256 in all. */
    private static final Map<Integer, String> NAMED = Map.of(
            0, "<|begin_of_text|>",
            1, "<|end_of_text|>",
            6, "<|start_header_id|>",
            7, "<|end_header_id|>",
            9, "<|eot_id|>");

    private static final int SPECIALS = 256;

    /** A token is tried at each of its cuts, which takes the square of its length. */
    private static final int LONGEST = 4096;

    private TiktokenFile() {}

    /** Whether bytes begin with a line of this kind. */
    static boolean fits(byte[] bytes) {
        int end = 0;
        while (end < bytes.length && end < 1000 && bytes[end] != '\n') {
            end++;
        }
        return new String(bytes, 0, end, StandardCharsets.ISO_8859_1).matches("[A-Za-z0-9+/]+={0,2} \\d+\\r?");
    }

    /** Reads the bytes of a file. */
    static Model read(Path file, byte[] bytes) {
        Map<String, Integer> ids = new HashMap<>();
        int number = 0;
        for (String line : new String(bytes, StandardCharsets.ISO_8859_1).split("\\r?\\n")) {
            number++;
            if (line.isEmpty()) {
                continue;
            }
            String where = "line " + number;
            String[] fields = line.split(" ", -1);
            if (fields.length != 2 || !fields[1].matches("\\d{1,9}")) {
                throw TokenizerException.of(file, where + " is not a token in base64, a space and a rank");
            }
            String token = ByteAlphabet.of(decoded(file, where, fields[0]));
            if (token.length() > LONGEST) {
                throw TokenizerException.of(
                        file,
                        where + " has a token of " + token.length() + " bytes, the longest allowed has " + LONGEST);
            }
            if (token.isEmpty() || ids.putIfAbsent(token, Integer.parseInt(fields[1])) != null) {
                throw TokenizerException.of(
                        file, where + " has a token that is " + (token.isEmpty() ? "empty" : "there already"));
            }
        }
        for (int b = 0; b < 256; b++) {
            if (!ids.containsKey(Character.toString(ByteAlphabet.of(b)))) {
                throw TokenizerException.of(file, String.format("there is no token for the byte 0x%02X", b));
            }
        }
        try {
            return new BpeModel(
                    new Vocabulary(ids), merges(ids), new BpeModel.Options(null, false, false, true, null, null));
        } catch (IllegalArgumentException e) {
            throw new TokenizerException(file + ": " + e.getMessage(), e);
        }
    }

    private static byte[] decoded(Path file, String where, String base64) {
        try {
            return Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException e) {
            throw new TokenizerException(file + ": " + where + " is not valid base64: " + e.getMessage(), e);
        }
    }

    private static Merges merges(Map<String, Integer> ids) {
        Merges out = new Merges(3 * ids.size());
        ids.forEach((token, id) -> {
            for (int cut = 1; cut < token.length(); cut++) {
                Integer left = ids.get(token.substring(0, cut));
                Integer right = left == null ? null : ids.get(token.substring(cut));
                if (right != null) {
                    out.put(left, right, id, id);
                }
            }
        });
        return out;
    }

    /** Llama 3's special tokens behind so many others. */
    static List<AddedToken> llama3Specials(int first) {
        List<AddedToken> out = new ArrayList<>();
        int reserved = 0;
        for (int i = 0; i < SPECIALS; i++) {
            String name = NAMED.get(i);
            out.add(AddedToken.special(
                    first + i, name != null ? name : "<|reserved_special_token_" + reserved++ + "|>"));
        }
        return out;
    }
}
