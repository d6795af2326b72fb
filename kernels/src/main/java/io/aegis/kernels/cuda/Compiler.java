package io.aegis.kernels.cuda;

/** Makes machine code of CUDA C++: NVRTC inside this process, or nvcc beside it. Thread-safe. */
interface Compiler {
    /** Name and version, such as {@code NVRTC 13.0}: what it makes of a job may differ from what another makes. */
    String name();

    /** The file that is used. */
    String path();

    /**
     * Compiles.
     *
     * @throws CudaException with the compiler's words, which name file and line
     */
    Cubin compile(CompileJob job);
}
