package io.aegis.tokenizer;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.WireFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * SentencePiece's {@code tokenizer.model}, a protobuf ({@code sentencepiece_model.proto}): field 1 the pieces (1 piece, 2
 * score, 3 type), field 2 the trainer's settings, field 3 the normaliser's.
 *
 * @param pieces all pieces, by id
 * @param bos the id of the piece that begins a text, negative for none
 * @param eos the id of the piece that ends a text, negative for none
 * @param dummyPrefix whether a space is put in front of a text
 * @param collapseSpaces whether runs of spaces become one
 * @param escapeSpaces whether spaces are written as U+2581
 */
record SentencePieceFile(
        List<Piece> pieces, int bos, int eos, boolean dummyPrefix, boolean collapseSpaces, boolean escapeSpaces) {
    /** What a piece is for; numbers as in the file, from 1. */
    enum Kind {
        NORMAL,
        UNKNOWN,
        CONTROL,
        USER_DEFINED,
        UNUSED,
        BYTE
    }

    /** A piece; of two that could be made, the one with the higher score is. */
    record Piece(String text, float score, Kind kind) {}

    private static final int BPE = 2;

    /** Reads the bytes of a file. */
    static SentencePieceFile read(Path file, byte[] bytes) {
        try {
            Reader reader = new Reader(file);
            reader.model(CodedInputStream.newInstance(bytes));
            return reader.result();
        } catch (InvalidProtocolBufferException e) {
            throw new TokenizerException(
                    file + ": not a whole SentencePiece model: "
                            + e.getMessage().replaceAll("\\.?\\s*\\R.*|\\.\\s.*|\\.$", ""),
                    e);
        } catch (IOException e) {
            throw new TokenizerException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    private static final class Reader {
        private final Path file;
        private final List<Piece> pieces = new ArrayList<>();
        // What is not in the file has the default of sentencepiece_model.proto.
        private int modelType = 1;
        private int bos = 1;
        private int eos = 2;
        private boolean suffix;
        private String normalizer = "";
        private int rules;
        private boolean dummyPrefix = true;
        private boolean collapseSpaces = true;
        private boolean escapeSpaces = true;

        Reader(Path file) {
            this.file = file;
        }

        /** Takes one field of a message; false leaves it to be skipped. */
        private interface Field {
            boolean read(int tag, CodedInputStream in) throws IOException;
        }

        private static void message(CodedInputStream in, Field field) throws IOException {
            for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
                if (!field.read(tag, in) && !in.skipField(tag)) {
                    throw new InvalidProtocolBufferException("a group ends that never began");
                }
            }
        }

        private static CodedInputStream nested(CodedInputStream in) throws IOException {
            return CodedInputStream.newInstance(in.readByteArray());
        }

        private static int tag(int field, int type) {
            return field << 3 | type;
        }

        private static int number(int field) {
            return tag(field, WireFormat.WIRETYPE_VARINT);
        }

        private static int block(int field) {
            return tag(field, WireFormat.WIRETYPE_LENGTH_DELIMITED);
        }

        void model(CodedInputStream model) throws IOException {
            message(model, (tag, in) -> {
                if (tag == block(1)) {
                    piece(nested(in));
                } else if (tag == block(2)) {
                    message(nested(in), this::trainer);
                } else if (tag == block(3)) {
                    message(nested(in), this::normalizer);
                } else if (tag >>> 3 <= 3) {
                    throw TokenizerException.of(
                            file, "not a SentencePiece model: field " + (tag >>> 3) + " is not a message");
                } else {
                    return false;
                }
                return true;
            });
        }

        private void piece(CodedInputStream message) throws IOException {
            String where = "piece " + pieces.size();
            String[] text = {null};
            float[] score = {0};
            int[] kind = {1};
            message(message, (tag, in) -> {
                if (tag == block(1)) {
                    text[0] = utf8(where, in.readByteArray());
                } else if (tag == tag(2, WireFormat.WIRETYPE_FIXED32)) {
                    score[0] = in.readFloat();
                } else if (tag == number(3)) {
                    kind[0] = in.readInt32();
                } else {
                    return false;
                }
                return true;
            });
            if (text[0] == null || text[0].isEmpty()) {
                throw TokenizerException.of(file, where + " has no text");
            }
            if (kind[0] < 1 || kind[0] > Kind.values().length) {
                throw TokenizerException.of(file, where + " has the unknown type " + kind[0]);
            }
            if (Float.isNaN(score[0])) {
                throw TokenizerException.of(file, where + " has a score that is not a number");
            }
            pieces.add(new Piece(text[0], score[0], Kind.values()[kind[0] - 1]));
        }

        private boolean trainer(int tag, CodedInputStream in) throws IOException {
            if (tag == number(3)) {
                modelType = in.readInt32();
            } else if (tag == number(24)) {
                suffix = in.readBool();
            } else if (tag == number(41)) {
                bos = in.readInt32();
            } else if (tag == number(42)) {
                eos = in.readInt32();
            } else {
                return false;
            }
            return true;
        }

        private boolean normalizer(int tag, CodedInputStream in) throws IOException {
            if (tag == block(1)) {
                normalizer = utf8("the normaliser's name", in.readByteArray());
            } else if (tag == block(2)) {
                rules = in.readByteArray().length;
            } else if (tag == number(3)) {
                dummyPrefix = in.readBool();
            } else if (tag == number(4)) {
                collapseSpaces = in.readBool();
            } else if (tag == number(5)) {
                escapeSpaces = in.readBool();
            } else {
                return false;
            }
            return true;
        }

        private String utf8(String where, byte[] bytes) {
            try {
                return StandardCharsets.UTF_8
                        .newDecoder()
                        .decode(ByteBuffer.wrap(bytes))
                        .toString();
            } catch (CharacterCodingException e) {
                throw new TokenizerException(file + ": " + where + " is not valid UTF-8", e);
            }
        }

        SentencePieceFile result() {
            if (pieces.isEmpty()) {
                throw TokenizerException.of(file, "not a SentencePiece model: there are no pieces");
            }
            if (modelType != BPE) {
                throw TokenizerException.of(
                        file, "the model is of type " + modelType + ", only byte pair encoding, 2, is supported");
            }
            if (rules > 0) {
                throw TokenizerException.of(
                        file, "texts are normalised by \"" + normalizer + "\", only \"identity\" is supported");
            }
            if (suffix) {
                throw TokenizerException.of(file, "spaces are suffixes of words, only prefixes are supported");
            }
            return new SentencePieceFile(pieces, bos, eos, dummyPrefix, collapseSpaces, escapeSpaces);
        }
    }
}
