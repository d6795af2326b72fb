package io.aegis.cli.verify;

import java.nio.file.Path;

public final class VerifyMain {
    public static void main(String[] a) throws Exception {
        var k = a.length > 1 && a[1].equals("scalar")
                ? io.aegis.kernels.Backends.scalar()
                : io.aegis.kernels.Backends.best();
        var d = a.length > 2 ? io.aegis.kernels.DType.valueOf(a[2]) : io.aegis.kernels.DType.F32;
        long t = System.nanoTime();
        Rows r = Verification.of(Path.of(a[0]), new Verification.Computing(k, d));
        r.print(new java.io.PrintWriter(System.out), a.length > 3);
        System.out.println((System.nanoTime() - t) / 1e9 + " s; exit " + r.exitCode());
    }
}
