package io.aegis.kernels.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/** The {@code .cu} files that come with the program. */
public final class KernelSource {
    private static final String COMMENT = "//";
    private static final int DIGITS = 12;

    private KernelSource() {}

    /**
     * What a file says of itself at its head: its maths, tiles, shared memory, barriers.
     *
     * @param file such as {@code attention.cu}
     * @return lines without the marks of the comment
     * @throws CudaException when there is no such file
     */
    public static String design(String file) {
        return CompileJob.resource(file)
                .lines()
                .takeWhile(l -> l.startsWith(COMMENT))
                .map(l -> l.substring(COMMENT.length()).replaceFirst("^ ", ""))
                .collect(Collectors.joining("\n"));
    }

    /**
     * What tells whether a kernel's code is what it was: a digest of a file and of all that it includes, without comments and empty
     * lines, so that words may change.
     *
     * @param file such as {@code attention.cu}
     * @return {@value #DIGITS} hexadecimal digits
     * @throws CudaException when there is no such file
     */
    public static String digest(String file) {
        return digest(file, CompileJob::resource);
    }

    /**
     * As above, of files that lie elsewhere: those of a commit, say.
     *
     * @param read the text of a file, by its name
     */
    public static String digest(String file, UnaryOperator<String> read) {
        String source = read.apply(file);
        List<String> parts = new ArrayList<>(List.of(file, code(source)));
        CompileJob.headers(source, read).forEach((name, text) -> parts.addAll(List.of(name, code(text))));
        return CompileJob.digest(parts).substring(0, DIGITS);
    }

    private static String code(String text) {
        return text.lines()
                .map(l -> l.contains(COMMENT) ? l.substring(0, l.indexOf(COMMENT)) : l)
                .map(String::strip)
                .filter(l -> !l.isEmpty())
                .collect(Collectors.joining("\n"));
    }
}
