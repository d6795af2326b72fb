// integers.cuh: the words of weights with few bits (sm_80 and up): products of signed bytes summed as whole numbers, and copies of
// one number (PTX ISA, "Matrix Fragments for mma.m16n8k32" and "cp.async").
//
// These three words are one file's, rows_quantised.cu. Inline PTX lies in common.cuh, whose words every kernel may use, and beside it where
// words are for few: here, in hopper.cuh (one architecture's) and in programmatic.cuh (one way to launch). In common.cuh they would be
// 30 lines, and as many of the emulator's, before every reader of any kernel, and a change of one would have all kernels compiled anew.
#pragma once
#include "common.cuh"

#ifdef AEGIS_EMULATOR
#include "emulator_integers.h"
#else

// d += a b with a 16 x 32 (row-major) and b 32 x 8 (column-major) of signed bytes, d 16 x 8 in 32 bits. Lane l, g = l / 4,
// t = l % 4 holds
//   a[0] (g, 4t..4t+3)  a[1] (g+8, 4t..)  a[2] (g, 4t+16..)  a[3] (g+8, 4t+16..)
//   b0 (4t..4t+3, g)  b1 (4t+16..4t+19, g)      d[0..1] (g, 2t..2t+1)  d[2..3] (g+8, 2t..2t+1)
DEVICE void multiply_add(i32 (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// As copy_async16, 4 bytes: `bytes` is 0 or 4, both addresses are multiples of 4. What lies beside them is soon wanted, and stays in
// the first-level cache.
DEVICE void copy_async4(void* to, const void* from, int bytes) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes) : "memory");
}

// x & mask ^ turned, in one operation.
DEVICE u32 masked_and_turned(u32 x, u32 mask, u32 turned) {
    u32 y;
    asm("lop3.b32 %0, %1, %2, %3, 0x6a;" : "=r"(y) : "r"(x), "r"(mask), "r"(turned));
    return y;
}

#endif
