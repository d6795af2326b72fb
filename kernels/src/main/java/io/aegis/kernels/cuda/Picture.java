package io.aegis.kernels.cuda;

import io.aegis.kernels.View;

/** The struct Picture of convolution.cu: {@code in}, as it is met from the pixels of {@code result}. */
record Picture(Pixels in, View result, int times, int sign, int shift, int over) {
    /** Whether result's pixels meet neighbouring ones: a stride of 1. */
    boolean isDense() {
        return times == 1 && over == 1;
    }

    Arguments pack(Arguments a) {
        a.pointer(in.address()).i64(in.batch()).i32((int) in.line()).i32((int) in.pixel());
        a.i32((int) in.height()).i32((int) in.width()).i32((int) in.pitch());
        a.i32(times).i32(sign).i32(shift);
        return a.divisor(over).divisor(result.size(1) * result.size(2)).divisor(result.size(2));
    }
}
