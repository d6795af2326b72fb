package io.aegis.tokenizer;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Small tokenizer files, written with single quotes. */
final class Json {
    private Json() {}

    static Path write(Path folder, String name, String text) {
        try {
            return Files.writeString(folder.resolve(name), text.replace('\'', '"'));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A tokenizer.json with a model and some more fields. */
    static Tokenizer open(Path folder, String model, String more) {
        return Tokenizer.open(
                write(folder, "tokenizer.json", "{'version':'1.0'," + more + "'model':{'type':'BPE'," + model + "}}"));
    }

    /** A vocabulary of tokens in order. */
    static String vocabulary(String... tokens) {
        StringBuilder out = new StringBuilder("'vocab':{");
        for (int i = 0; i < tokens.length; i++) {
            out.append(i == 0 ? "" : ",")
                    .append('\'')
                    .append(tokens[i])
                    .append("':")
                    .append(i);
        }
        return out.append("},").toString();
    }
}
