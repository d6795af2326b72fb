/** Computes: an operation catalogue over raw buffers, and every device's way to compute it. Knows no tensor. */
module io.aegis.kernels {
    requires jdk.incubator.vector;
    requires org.bytedeco.javacpp;
    requires org.bytedeco.openblas;

    exports io.aegis.kernels;
    exports io.aegis.kernels.check;
    exports io.aegis.kernels.cuda;
}
