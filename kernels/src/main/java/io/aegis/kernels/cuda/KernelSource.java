package io.aegis.kernels.cuda;

import java.util.stream.Collectors;

/** The {@code .cu} files that come with the program. */
public final class KernelSource {
    private static final String COMMENT = "//";

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
}
