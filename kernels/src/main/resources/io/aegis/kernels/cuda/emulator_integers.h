// emulator_integers.h: the words of integers.cuh on the host.
#pragma once

namespace emulator {

void multiply_add_bytes(i32 (&d)[4], const u32 (&a)[4], u32 b0, u32 b1);
void copy_async4(void* to, const void* from, int bytes);

}  // namespace emulator

DEVICE void multiply_add(i32 (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) { emulator::multiply_add_bytes(d, a, b0, b1); }
DEVICE void copy_async4(void* to, const void* from, int bytes) { emulator::copy_async4(to, from, bytes); }
DEVICE u32 masked_and_turned(u32 x, u32 mask, u32 turned) { return x & mask ^ turned; }
