package io.aegis.weights;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The JSON header of a safetensors file: which tensor lies where. Maps keep the order of the file. */
record SafetensorsHeader(Map<String, Entry> entries, List<String> names, Map<String, String> metadata) {
    /** The name that is no tensor but the map of free text. */
    static final String METADATA = "__metadata__";

    /** Where one tensor's bytes begin and end, counted from the end of the header. */
    record Entry(TensorInfo info, long begin, long end) {}

    /** Parses and checks a header that is followed by {@code dataBytes} bytes of data. */
    static SafetensorsHeader parse(Path file, ByteBuffer bytes, long dataBytes) {
        CharBuffer text = Json.utf8(file, bytes);
        SafetensorsHeader header;
        try (JsonParser json = Json.FACTORY.createParser(text.array(), text.arrayOffset(), text.length())) {
            header = new Reader(file, json).read();
        } catch (JacksonException e) {
            throw Json.invalid(file, "the header is ", e);
        } catch (IOException e) {
            throw new WeightsException(file + ": the header cannot be read: " + Reason.of(e), e);
        }
        header.checkLayout(file, dataBytes);
        return header;
    }

    /** Tensors, in the order of their bytes, must fill the data exactly, each with the bytes its type and shape need. */
    private void checkLayout(Path file, long dataBytes) {
        List<Entry> byPlace = new ArrayList<>(entries.values());
        byPlace.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        long at = 0;
        for (Entry e : byPlace) {
            String name = e.info().name();
            String range = "[" + e.begin() + ", " + e.end() + "]";
            if (e.end() < e.begin()) {
                throw WeightsException.of(file, name, "ends before it begins: data_offsets " + range);
            }
            if (e.begin() > at) {
                throw WeightsException.of(
                        file, name, "leaves a hole: data_offsets " + range + " begin behind the last byte used, " + at);
            }
            if (e.begin() < at) {
                throw WeightsException.of(
                        file, name, "overlaps another: data_offsets " + range + " begin before byte " + at);
            }
            checkSize(file, e, range);
            at = e.end();
        }
        if (at > dataBytes) {
            throw WeightsException.of(
                    file, "is cut short: the tensors need " + at + " bytes behind the header, there are " + dataBytes);
        }
        if (at < dataBytes) {
            throw WeightsException.of(
                    file, "has " + (dataBytes - at) + " bytes behind the last tensor that belong to none");
        }
    }

    private static void checkSize(Path file, Entry e, String range) {
        String name = e.info().name();
        long want;
        try {
            want = e.info().bytes();
        } catch (ArithmeticException overflow) {
            throw WeightsException.of(file, e.info() + "", overflow.getMessage());
        }
        if (want != e.end() - e.begin()) {
            String type = e.info().toString().substring(name.length() + 1);
            throw WeightsException.of(
                    file,
                    name,
                    "has " + (e.end() - e.begin()) + " bytes (data_offsets " + range + "), but " + type + " needs "
                            + want);
        }
    }

    /** Walks the tokens. Anything unexpected is named together with the tensor it belongs to. */
    private record Reader(Path file, JsonParser json) {
        SafetensorsHeader read() throws IOException {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                throw WeightsException.of(file, "the header is not a JSON object");
            }
            Map<String, Entry> entries = new LinkedHashMap<>();
            Map<String, String> metadata = Map.of();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String name = checked(json.currentName());
                json.nextToken();
                if (name.equals(METADATA)) {
                    metadata = metadata();
                } else {
                    try {
                        entries.put(name, entry(name));
                    } catch (JacksonException e) {
                        throw Json.invalid(file, "the header is, at tensor " + name + ", ", e);
                    }
                }
            }
            if (json.nextToken() != null) {
                throw WeightsException.of(file, "there is more than one JSON value in the header");
            }
            return new SafetensorsHeader(Collections.unmodifiableMap(entries), List.copyOf(entries.keySet()), metadata);
        }

        private Map<String, String> metadata() throws IOException {
            expect(JsonToken.START_OBJECT, METADATA + " is not a JSON object");
            Map<String, String> out = new LinkedHashMap<>();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String key = checked(json.currentName());
                json.nextToken();
                expect(JsonToken.VALUE_STRING, METADATA + " has something else than text under " + key);
                out.put(key, checked(json.getText()));
            }
            return Collections.unmodifiableMap(out);
        }

        private Entry entry(String name) throws IOException {
            expect(JsonToken.START_OBJECT, "tensor " + name + " is not described by a JSON object");
            StoredType dtype = null;
            long[] shape = null;
            long[] offsets = null;
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String field = json.currentName();
                json.nextToken();
                switch (field) {
                    case "dtype" -> dtype = dtype(name);
                    case "shape" -> shape = sizes(name, field);
                    case "data_offsets" -> offsets = sizes(name, field);
                    default -> json.skipChildren();
                }
            }
            if (dtype == null || shape == null || offsets == null) {
                String missing = dtype == null ? "dtype" : shape == null ? "shape" : "data_offsets";
                throw WeightsException.of(file, name, "has no " + missing);
            }
            if (offsets.length != 2) {
                throw WeightsException.of(file, name, "has " + offsets.length + " numbers in data_offsets, expected 2");
            }
            return new Entry(new TensorInfo(name, dtype, shape), offsets[0], offsets[1]);
        }

        private StoredType dtype(String name) throws IOException {
            expect(JsonToken.VALUE_STRING, "tensor " + name + " has a dtype that is not text");
            String text = json.getText();
            return StoredType.named(text)
                    .orElseThrow(() -> WeightsException.of(file, name, "has the unknown dtype " + text));
        }

        private long[] sizes(String name, String field) throws IOException {
            expect(JsonToken.START_ARRAY, "tensor " + name + " has a " + field + " that is not a list");
            List<Long> out = new ArrayList<>();
            while (json.nextToken() != JsonToken.END_ARRAY) {
                boolean integer = json.currentToken() == JsonToken.VALUE_NUMBER_INT;
                if (!integer || json.getText().startsWith("-") || !fitsLong(json.getText())) {
                    throw WeightsException.of(
                            file,
                            name,
                            "has " + shortened(json.getText()) + " in " + field
                                    + ", expected a whole number from 0 to 2^63 - 1");
                }
                out.add(json.getLongValue());
            }
            return out.stream().mapToLong(Long::longValue).toArray();
        }

        private static boolean fitsLong(String digits) {
            return digits.length() < 19 || digits.length() == 19 && digits.compareTo("" + Long.MAX_VALUE) <= 0;
        }

        private static String shortened(String text) {
            return text.length() <= 40 ? text : text.substring(0, 40) + "...";
        }

        private void expect(JsonToken token, String otherwise) {
            if (json.currentToken() != token) {
                throw WeightsException.of(file, otherwise);
            }
        }

        /** An escape such as \ud800 alone is valid JSON, but is no character and cannot be written back. */
        private String checked(String text) {
            if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
                throw WeightsException.of(file, "the header has half of a surrogate pair in a name or text");
            }
            return text;
        }
    }
}
