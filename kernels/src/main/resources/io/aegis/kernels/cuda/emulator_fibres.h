// emulator_fibres.h: the threads of a block as fibres, each with a stack of its own, and where they meet.
#pragma once

#include "emulator_memory.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace emulator {
namespace {

#if defined(__x86_64__)
// Saves what a call must keep on the stack that is left, and takes it from the stack that is entered.
extern "C" void emulator_switch(void** left, void* entered);
asm(R"(
.text
.type emulator_switch,@function
emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");

struct Context {
    void* sp;
    void begin(u8* top, void (*main)()) {
        void** s = (void**)((u64)top & ~15ull);
        *--s = nullptr;  // where main would return to
        *--s = (void*)main;
        for (int i = 0; i < 6; i++) *--s = nullptr;
        sp = s;
    }
};
inline void switch_to(Context& from, Context& to) { emulator_switch(&from.sp, to.sp); }
#else
struct Context {
    ucontext_t u;
    void begin(u8* top, void (*main)()) {
        getcontext(&u);
        u.uc_stack.ss_sp = top - STACK_BYTES / 2;
        u.uc_stack.ss_size = STACK_BYTES / 2;
        u.uc_link = nullptr;
        makecontext(&u, main, 0);
    }
};
inline void switch_to(Context& from, Context& to) { swapcontext(&from.u, &to.u); }
#endif


// A word that lanes say together: `run` is done when the last of a warp has arrived, on what each brought. Words that are
// barriers order what lies before them before what lies behind.
struct Verb {
    const char* name;
    void (*run)(void** brought);
    bool orders;
};

struct Copy {
    void* to;
    const void* from;
    i32 bytes, size;
    u32 group;
};

struct Fibre {
    Context context;
    std::vector<Copy> copies;  // issued and not yet performed
    u32 groups;
};

enum : u32 { ALL = 0xffffffffu };

struct Warp {
    u32 ready, arrived, returned;  // masks of lanes
    const Verb* verb;              // where those that arrived are,
    const void* pc;                // and the line that said it first
    void* brought[WARP];
    i32 barrier;  // where the whole warp waits, or -1
    u32 at_bar;   // lanes that wait each for itself, at a barrier in shared memory,
    const void* bar_pc;  // and the line of the last of them
};

enum { NAMED_BARRIERS = 16 };
struct Named {
    i32 expected, arrived;
    u32 warps;                // that wait,
    u32 gone;                 // that have arrived and gone on,
    u32 gathered[MAX_WARPS];  // and what those knew
};

Fibre* const fibres = new Fibre[MAX_THREADS];
Warp warps[MAX_WARPS];
Named named[NAMED_BARRIERS];  // 0 is barrier()
Context outside;
int thread_count, warp_count, returned_count;
u32 ready_warps;  // mask
u64 random_state;
volatile int late;  // the launch has had its time
int seconds;

// Threads whose waits have a limit (watched.cuh), who began first in front, and those that were told that theirs is over.
std::vector<int>& watched = *new std::vector<int>;
bool told[MAX_THREADS];

u32 any_number() {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (u32)(random_state >> 32);
}

// Some set bit of the mask, any.
int any_of(u32 mask, u32 r) {
    r &= 31;
    u32 turned = r == 0 ? mask : mask >> r | mask << (32 - r);
    return (int)(__builtin_ctz(turned) + r) & 31;
}

void leave() {
    Context gone;
    switch_to(gone, outside);
    __builtin_unreachable();
}

void add_warps() {
    for (int w = 0; w < warp_count; w++) {
        const Warp& x = warps[w];
        add("\n  warp %d: ", w);
        if (x.barrier == 0) {
            add("waits at barrier() [+0x%x]", offset_of(x.pc));
        } else if (x.barrier > 0) {
            const Named& n = named[x.barrier];
            add("waits at barrier_of(%d, %d), where %d threads are [+0x%x]", x.barrier, n.expected, n.arrived, offset_of(x.pc));
        } else if (x.arrived != 0) {
            add("lanes %08x wait at %s [+0x%x]", x.arrived, x.verb->name, offset_of(x.pc));
            if (x.returned != 0) add(", lanes %08x have returned", x.returned);
        } else if (x.returned == ALL) {
            add("has returned");
        }
        if (x.at_bar != 0) add("%slanes %08x wait at bar_wait [+0x%x]", x.arrived ? ", " : "", x.at_bar, offset_of(x.bar_pc));
        if (x.ready != 0) add("%slanes %08x run", x.arrived | x.returned | x.at_bar ? ", " : "", x.ready);
    }
}

void say_late(const void* pc) {
    begin_message();
    add("not done after %d seconds: in a loop without end, or waiting for another block, of which one runs at a time", seconds);
    if (pc != nullptr) add(" [+0x%x]", offset_of(pc));
    add_warps();
}

void set_current(int thread) {
    current = thread;
    emulator_thread_index.x = (u32)thread;
    own_warp = (u32)thread / WARP;
    own_lane = (u32)thread % WARP;
    knows = known[own_warp];
    own_stack = stacks + (u64)thread * SLOT_BYTES + GUARD_BYTES;
    patience = PATIENCE;
}

void set_ready(int w, u32 lanes) {
    warps[w].ready = lanes;
    if (lanes == 0) {
        ready_warps &= ~(1u << w);
    } else {
        ready_warps |= 1u << w;
    }
}

// No thread can go on: whoever has waited longest with a limit is told so, and will say for what.
void tell_the_first() {
    int t = watched.front();
    watched.erase(watched.begin());
    told[t] = true;
    set_ready(t / WARP, warps[t / WARP].ready | 1u << t % WARP);
}

// Another fibre goes on; this one when its turn comes and it is ready. A lane of the same warp, or one in `away` times of any.
void next(u32 away = 32) {
    if (late) {
        say_late(nullptr);
        leave();
    }
    if (ready_warps == 0 && !watched.empty()) tell_the_first();
    if (ready_warps == 0) {
        if (returned_count == thread_count) leave();
        current = -1;
        begin_message();
        add("deadlock, no thread can go on:");
        add_warps();
        leave();
    }
    int self = current;
    u32 r = any_number();
    int w = self / WARP;
    if (!(ready_warps >> w & 1) || (r >> 10) % away == 0) w = any_of(ready_warps, r >> 5);
    int to = w * WARP + any_of(warps[w].ready, r);
    if (to == self) return;
    set_current(to);
    switch_to(fibres[self].context, fibres[to].context);
}

void yield_turn() {
    patience = PATIENCE;
    next(1);
}

void fibre_main() {
    entry->run(arguments);
    Warp& w = warps[current / WARP];
    u32 me = 1u << current % WARP;
    if (w.arrived != 0) fail(w.pc, "returns while lanes %08x of its warp wait at %s", w.arrived, w.verb->name);
    w.returned |= me;
    returned_count++;
    set_ready(current / WARP, w.ready & ~me);
    next();
    __builtin_unreachable();
}

// All lanes of a warp meet; true for the last, when the others wait and it is up to the caller to set them ready.
bool arrive(const Verb& verb, void* brought, const void* pc) {
    Warp& w = warps[current / WARP];
    u32 me = 1u << current % WARP;
    if (w.returned != 0) fail(pc, "is at %s, but lanes %08x of its warp have returned", verb.name, w.returned);
    if (w.arrived == 0) {
        w.verb = &verb;
        w.pc = pc;
    } else if (w.verb != &verb) {
        begin_message();
        add("is at %s [+0x%x], but lanes %08x of its warp are at %s [+0x%x]", verb.name, offset_of(pc), w.arrived,
            w.verb->name, offset_of(w.pc));
        leave();
    }
    w.arrived |= me;
    w.brought[current % WARP] = brought;
    set_ready(current / WARP, w.ready & ~me);
    return w.arrived == ALL;
}

void together(const Verb& verb, void* brought, const void* pc) {
    if (arrive(verb, brought, pc)) {
        int own = current / WARP;
        verb.run(warps[own].brought);
        if (verb.orders) join(1u << own, warp_count);
        warps[own].arrived = 0;
        set_ready(own, ALL);
    }
    next();
}

void nothing(void**) {}
const Verb BARRIER = {"barrier()", nothing, true};
const Verb BARRIER_OF = {"barrier_of()", nothing, true};
const Verb BARRIER_PASS = {"barrier_pass()", nothing, false};
const Verb WARP_BARRIER = {"warp_barrier()", nothing, true};

struct Meeting {
    int id, threads;
};

// Whole warps meet, when their lanes have.
void meet(const Verb& verb, Meeting m, const void* pc) {
    if (arrive(verb, &m, pc)) {
        int own = current / WARP;
        for (int l = 0; l < WARP; l++) {
            const Meeting& o = *(const Meeting*)warps[own].brought[l];
            if (o.id != m.id || o.threads != m.threads) {
                fail(pc, "is at barrier_of(%d, %d), but lane %d is at barrier_of(%d, %d)", m.id, m.threads, l, o.id, o.threads);
            }
        }
        Named& n = named[m.id];
        if (n.arrived != 0 && n.expected != m.threads) {
            fail(pc, "is at barrier_of(%d, %d), but warps %08x wait there for %d threads", m.id, m.threads, n.warps, n.expected);
        }
        if (n.gone >> own & 1) fail(pc, "is at barrier_of(%d, %d) again, which nobody has left since", m.id, m.threads);
        n.expected = m.threads;
        n.arrived += WARP;
        if (&verb == &BARRIER_PASS) {
            n.gone |= 1u << own;
            for (int w = 0; w < warp_count; w++) n.gathered[w] = std::max(n.gathered[w], known[own][w]);
            n.gathered[own] = known[own][own] = ++passed;
            warps[own].arrived = 0;
            set_ready(own, ALL);
        } else {
            n.warps |= 1u << own;
            warps[own].barrier = m.id;
        }
        if (n.arrived == n.expected) {
            if (n.warps == 0) fail(pc, "all of barrier_of(%d, %d) went on, and nobody waits there", m.id, m.threads);
            join(n.warps, warp_count);
            for (int w = 0; w < warp_count; w++) {
                if (n.warps >> w & 1) {
                    for (int v = 0; v < warp_count; v++) known[w][v] = std::max(known[w][v], n.gathered[v]);
                    warps[w].arrived = 0;
                    warps[w].barrier = -1;
                    set_ready(w, ALL);
                }
            }
            n = {};
        }
    }
    next();
}

// What waits does so with a limit. False when it is over.
template <class Waits> bool within_limit(Waits wait) {
    watched.push_back(current);
    wait();
    if (told[current]) return false;
    watched.erase(std::find(watched.begin(), watched.end(), current));
    return true;
}

bool prepare_fibres(int threads) {
    static int prepared;
    if (stacks == nullptr && (stacks = (u8*)map((u64)SLOT_BYTES * MAX_THREADS)) == nullptr) return false;
    for (; prepared < threads; prepared++) {
        if (mprotect(stacks + (u64)prepared * SLOT_BYTES, GUARD_BYTES, PROT_NONE) != 0) return false;
    }
    return true;
}

// All threads of a block, to the end of the last or to the first error.
void run_fibres() {
    memset(warps, 0, sizeof(Warp) * (u64)warp_count);
    memset(named, 0, sizeof named);
    returned_count = 0;
    ready_warps = 0;
    watched.clear();
    memset(told, 0, sizeof told);
    for (int w = 0; w < warp_count; w++) {
        warps[w].barrier = -1;
        set_ready(w, ALL);
    }
    for (int t = 0; t < thread_count; t++) {
        Fibre& f = fibres[t];
        // Stacks begin at different places of a page, or all would lie in the same lines of the cache.
        f.context.begin(stacks + (u64)(t + 1) * SLOT_BYTES - t % 61 * 64, fibre_main);
        f.copies.clear();
        f.groups = 0;
    }
    set_current((int)(any_number() % (u32)thread_count));
    switch_to(outside, fibres[current].context);
    current = -1;
}

}  // namespace
}  // namespace emulator
