package io.aegis.weights;

import java.io.IOException;

/** Something that writes to, or otherwise uses, what it is given, and may fail as input and output does. */
@FunctionalInterface
public interface IoConsumer<T> {
    void accept(T target) throws IOException;
}
