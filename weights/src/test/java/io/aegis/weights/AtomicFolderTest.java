package io.aegis.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFolderTest {
    @TempDir
    Path folder;

    @Test
    void itAppearsWhenItIsComplete() {
        Path target = folder.resolve("around").resolve("out");
        AtomicFolder.write(target, beside -> {
            Files.writeString(beside.resolve("one"), "1");
            Files.createDirectory(beside.resolve("inner"));
            assertThat(target).doesNotExist();
        });
        assertThat(target.resolve("one")).hasContent("1");
        assertThat(target.getParent().toFile().list()).containsExactly("out");
    }

    @Test
    void anEmptyOneIsFilled() throws IOException {
        Path target = Files.createDirectory(folder.resolve("out"));
        AtomicFolder.write(target, beside -> Files.writeString(beside.resolve("one"), "1"));
        assertThat(target.resolve("one")).exists();
    }

    @Test
    void afterAFailureNothingIsLeft() {
        Path target = folder.resolve("out");
        assertThatThrownBy(() -> AtomicFolder.write(target, beside -> {
                    Files.createDirectories(beside.resolve("a/b"));
                    Files.writeString(beside.resolve("a/b/c"), "1");
                    throw new IOException("the disk is full");
                }))
                .isInstanceOf(WeightsException.class)
                .hasMessage(target + ": could not be written: the disk is full");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void whatIsThereIsLeftAlone() throws IOException {
        Path target = Files.createDirectory(folder.resolve("out"));
        Files.writeString(target.resolve("mine"), "precious");
        assertThatThrownBy(() -> AtomicFolder.write(target, beside -> {}))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("exists and is not empty");
        Path file = Files.writeString(folder.resolve("file"), "mine");
        assertThatThrownBy(() -> AtomicFolder.write(file, beside -> {}))
                .isInstanceOf(WeightsException.class)
                .hasMessage(file + ": is a file, expected a folder to make");
        assertThat(target.resolve("mine")).hasContent("precious");
        assertThat(file).hasContent("mine");
    }

    /** Process ids end below 2^22 on Linux; nobody has this one. */
    @Test
    void whatAKilledProcessLeftIsRemoved() throws IOException {
        Path left = Files.createDirectory(folder.resolve(".out.4194305.tmp"));
        Files.writeString(left.resolve("half"), "half");
        Path other = Files.createDirectory(folder.resolve(".other.4194305.tmp"));
        AtomicFolder.write(folder.resolve("out"), beside -> {});
        assertThat(left).doesNotExist();
        assertThat(other).exists();
    }
}
