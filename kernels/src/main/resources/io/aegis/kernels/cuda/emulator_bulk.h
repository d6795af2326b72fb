// emulator_bulk.h: floats that come to shared memory by themselves, and that are added from there to global memory.
#pragma once

#include "emulator_async.h"

namespace emulator {
namespace {

struct Addition {
    float* to;
    const float* from;
    std::vector<float> given;  // what `from` was, and must be until it has been read
    u32 group;
    const void* pc;
};
struct Additions {
    std::vector<Addition> all;
    u32 groups;  // committed
};
Additions* const additions = new Additions[MAX_THREADS];

void forget_additions() {
    for (int t = 0; t < thread_count; t++) {
        additions[t].all.clear();
        additions[t].groups = 0;
    }
}

// A block is over, and nobody knows whether its shared memory was read before.
void need_no_additions() {
    for (int t = 0; t < thread_count; t++) {
        if (message[0] != 0 || additions[t].all.empty()) continue;
        begin_message();
        add("thread %d returned before what it adds [+0x%x] was read", t, offset_of(additions[t].all[0].pc));
    }
}

void need_floats(const void* shared, const void* global, int count, const void* pc) {
    if (count < 4 || count % 4 != 0) fail(pc, "%d floats at once: a multiple of 4", count);
    if ((u64)shared % 16 != 0 || (u64)global % 16 != 0) fail(pc, "floats between %p and %p, of which one is not aligned to 16 bytes", shared, global);
    if (!is_shared(shared, 4 * (u64)count)) fail(pc, "%d floats at %p, which is not shared memory", count, shared);
}

}  // namespace

void floats_load(float* to, const float* from, int count, void* p) {
    Barrier& b = barrier_at(p, PC);
    need_floats(to, from, count, PC);
    if (checking) global_access(from, 4 * (u64)count, READ, PC);
    begin(b, {(u8*)to, {}, {}, from, count}, PC);
}

void floats_add(float* to, const float* from, int count) {
    need_floats(from, to, count, PC);
    if (checking) {
        global_access(to, 4 * (u64)count, ATOMIC, PC);
        touch_shared(shared_byte(from), 4 * (u64)count, READ, PC);
        need_fence(shared_byte(from), 4 * (u64)count, READ, PC);
    }
    Additions& own = additions[current];
    own.all.push_back({to, from, std::vector<float>(from, from + count), own.groups, PC});
}
void adds_commit() { additions[current].groups++; }
void adds_read() {
    Additions& own = additions[current];
    size_t done = 0;
    for (; done < own.all.size() && own.all[done].group < own.groups; done++) {
        const Addition& a = own.all[done];
        if (memcmp(a.from, a.given.data(), a.given.size() * 4) != 0) {
            fail(a.pc, "floats in shared memory are others before they have been read for what they are added to");
        }
        for (size_t i = 0; i < a.given.size(); i++) a.to[i] += a.given[i];
    }
    own.all.erase(own.all.begin(), own.all.begin() + (long)done);
    yield_turn();
}

}  // namespace emulator
