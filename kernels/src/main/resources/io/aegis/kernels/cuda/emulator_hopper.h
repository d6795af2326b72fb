// emulator_hopper.h: the words of hopper.cuh on the host.
//
// Everything that a GPU does by itself is done at the last moment that is allowed: a tile comes when the first thread has waited
// for its barrier, a product reads its tiles and writes its sums when its group is waited for. Tiles are watched both when a
// product begins and when it is done, so one that is overwritten meanwhile is a race. A barrier orders what a thread's warp did
// before it arrived before what a waiting thread does; other lanes of that warp count as arrived too, which is more than a GPU
// promises. Registers that are given and taken are not counted; those of a factor may not change while a product reads them.
// Floats are added to global memory when the thread that gave them waits for that, and must be then what they were.
// What a thread writes to shared memory is another matter for a product or a tile to come than for threads: proxy_fence() has to
// be said behind it.
#pragma once

namespace emulator {

void bar_init(void* b, int arrivals);
void bar_arrive(void* b, int bytes);
void bar_wait(void* b, u32 parity);
void tile_load(void* to, const void* map, void* b, const i32 (&at)[4]);
void floats_load(float* to, const float* from, int count, void* b);
void floats_add(float* to, const float* from, int count);
void adds_commit();
void adds_read();
u64 tile_descriptor(const void* at, int slabs, int groups, int width);
void group_begin();
void group_multiply(float* d, int count, const u32* registers, u64 a, u64 b, bool adds, bool a_across, bool b_across, bool bf16s);
void group_commit();
void group_wait(int open);
void proxy_fence();
void barrier_pass(int id, int threads);

}  // namespace emulator

DEVICE void bar_init(Bar& b, int arrivals) { emulator::bar_init(&b, arrivals); }
DEVICE void bars_made() {}
DEVICE void bar_arrive(Bar& b) { emulator::bar_arrive(&b, 0); }
DEVICE void bar_expect(Bar& b, int bytes) { emulator::bar_arrive(&b, bytes); }
DEVICE void bar_wait(Bar& b, u32 parity) { emulator::bar_wait(&b, parity); }
DEVICE void tile_load(void* to, const TensorMap& map, Bar& b, int x, int y, int z, int w) {
    emulator::tile_load(to, &map, &b, {x, y, z, w});
}
DEVICE void floats_load(float* to, const float* from, int count, Bar& b) { emulator::floats_load(to, from, count, &b); }
DEVICE void floats_add(float* to, const float* from, int count) { emulator::floats_add(to, from, count); }
DEVICE void adds_commit() { emulator::adds_commit(); }
DEVICE void adds_read() { emulator::adds_read(); }
DEVICE void tile_announce(const TensorMap&) {}
DEVICE Descriptor tile_descriptor(const void* at, int slabs, int groups, int width = SLAB_BYTES) {
    return emulator::tile_descriptor(at, slabs, groups, width);
}
namespace emulator {
constexpr bool is_bf16(bf16) { return true; }
constexpr bool is_bf16(f16) { return false; }
}  // namespace emulator
template <int LEFT, int RIGHT, int COUNT, class Half> DEVICE void group_multiply(float (&d)[COUNT], Descriptor a, Descriptor b, bool adds, Half h) {
    static_assert(COUNT == 32 || COUNT == 40 || COUNT == 48 || COUNT == 64 || COUNT == 128, "");
    emulator::group_multiply(d, COUNT, nullptr, a, b, adds, LEFT, RIGHT, emulator::is_bf16(h));
}
template <int LEFT, int RIGHT, int COUNT, class Half> DEVICE void group_multiply(float (&d)[COUNT], Descriptor a, Descriptor b, Half h) {
    group_multiply<LEFT, RIGHT>(d, a, b, false, h);
}
template <int RIGHT, int COUNT, class Half> DEVICE void group_multiply(float (&d)[COUNT], const u32 (&a)[4], Descriptor b, bool adds, Half h) {
    static_assert(COUNT == 32 || COUNT == 40 || COUNT == 48 || COUNT == 64, "");
    emulator::group_multiply(d, COUNT, a, 0, b, adds, false, RIGHT, emulator::is_bf16(h));
}
DEVICE void group_begin() { emulator::group_begin(); }
DEVICE void group_commit() { emulator::group_commit(); }
template <int N> DEVICE void group_wait() { emulator::group_wait(N); }
template <int N> DEVICE void hold(float (&)[N]) {}
template <int N> DEVICE void hold(u32 (&)[N][4]) {}
DEVICE void behind(float x) {
    if (x < -1) __builtin_trap();
}
DEVICE void proxy_fence() { emulator::proxy_fence(); }
DEVICE void barrier_pass(int id, int threads) { emulator::barrier_pass(id, threads); }
template <int N> DEVICE void registers_give() { static_assert(N % 8 == 0 && N >= 24, ""); }
template <int N> DEVICE void registers_take() { static_assert(N % 8 == 0 && N <= 240, ""); }
