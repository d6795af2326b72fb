package io.aegis.kernels.cuda;

/** One entry of a compiled file, looked up when it is first launched. */
final class Entry {
    private final Cuda cuda;
    private final Variant variant;
    private final String name;
    private volatile Engine.Kernel kernel;

    Entry(Cuda cuda, Variant variant, String name) {
        this.cuda = cuda;
        this.variant = variant;
        this.name = name;
    }

    void launch(Engine.Grid grid, Arguments arguments) {
        Engine.Kernel k = kernel;
        if (k == null) {
            k = cuda.kernel(variant, name);
            kernel = k;
        }
        cuda.launch(k, grid, arguments);
    }
}
