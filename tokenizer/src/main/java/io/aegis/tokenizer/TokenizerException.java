package io.aegis.tokenizer;

import java.nio.file.Path;

/** A tokenizer's file is not what it should be, or lacks what a text needs. The message is one sentence. */
public final class TokenizerException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public TokenizerException(String message) {
        super(message);
    }

    public TokenizerException(String message, Throwable cause) {
        super(message, cause);
    }

    /** A complaint about a file: {@code file: what is wrong}. */
    static TokenizerException of(Path file, String what) {
        return new TokenizerException(file + ": " + what);
    }
}
