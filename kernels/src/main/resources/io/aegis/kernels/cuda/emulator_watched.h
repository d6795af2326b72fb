// emulator_watched.h: the words of watched.cuh on the host. There is no clock: a wait has taken too long when no thread can go on, and
// those whose waits are watched are told so one by one, who has waited longest first.
#pragma once

namespace emulator {

void* waits();
u32* wait_count();
bool bar_wait_within(void* b, u32 parity);
bool barrier_of_within(int id, int threads);
[[noreturn]] void give_up();

}  // namespace emulator

DEVICE Waits waits() { return {(Wait*)emulator::waits(), emulator::wait_count(), 0}; }
DEVICE void fence_to_host() {}
DEVICE bool speaks() { return true; }
DEVICE void give_up(bool) { emulator::give_up(); }
DEVICE bool bar_wait_within(Bar& b, u32 parity) { return emulator::bar_wait_within(&b, parity); }
DEVICE bool barrier_of_within(int id, int threads) { return emulator::barrier_of_within(id, threads); }
