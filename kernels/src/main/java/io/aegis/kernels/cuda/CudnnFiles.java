package io.aegis.kernels.cuda;

import java.io.File;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Where cuDNN lies, and what has to be there beside it. */
final class CudnnFiles {
    private static final String NAME = "libcudnn.so.9";

    private CudnnFiles() {}

    /** Files that may be the library: in a folder, or, for null, in toolkits and where the system's loader looks. */
    static List<String> candidates(String folder) {
        if (folder != null) {
            return List.of(Path.of(folder).toAbsolutePath().resolve(NAME).toString());
        }
        List<String> all = new ArrayList<>();
        for (Path root : Compilers.toolkits()) {
            Path file = root.resolve("lib64").resolve(NAME);
            if (Files.exists(file)) {
                all.add(file.toString());
            }
        }
        all.add(NAME);
        return all;
    }

    /**
     * Loads cuBLASLt and NVRTC before cuDNN looks for them: where there is no cuBLASLt, it ends the process (seen with 9.24).
     *
     * @throws CudaException when there is no cuBLASLt of its CUDA
     */
    static void requireProducts(Library cudnn) {
        Compilers.probe();
        int cuda = integer(cudnn.function("cudnnGetCudartVersion")) / 1000;
        String wanted = "libcublasLt.so." + cuda;
        List<String> candidates = new ArrayList<>();
        String given = System.getProperty(CublasLt.PROPERTY);
        if (given != null && !given.equals("none")) {
            candidates.add(Path.of(given, wanted).toAbsolutePath().toString());
        }
        if (cudnn.name().contains(File.separator)) {
            Path folder = Path.of(cudnn.name()).getParent();
            for (String beside :
                    List.of("", "../../cublas/lib", "../../cu" + cuda + "/lib")) { // as NVIDIA's wheels lie
                candidates.add(
                        folder.resolve(beside).normalize().resolve(wanted).toString());
            }
        }
        Compilers.toolkits()
                .forEach(root ->
                        candidates.add(root.resolve("lib64").resolve(wanted).toString()));
        candidates.removeIf(file -> !Files.exists(Path.of(file)));
        candidates.add(wanted);
        for (String file : candidates) {
            try {
                Library.open(file);
                return;
            } catch (CudaException e) {
                continue;
            }
        }
        throw new CudaException(cudnn.name() + " needs " + wanted + ", which is not installed");
    }

    /** Of a function that returns a size_t, its low half. */
    static int integer(MethodHandle function) {
        return Library.status(() -> (int) function.invokeExact());
    }
}
