// emulator.cpp: runs the blocks of a launch, one after another, each thread a fibre with a stack of its own.
#include "common.cuh"

#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <vector>

emulator::Index emulator_thread_index asm("emulator_thread_index");
emulator::Index emulator_block_index asm("emulator_block_index");
emulator::Index emulator_block_shape asm("emulator_block_shape");
emulator::Index emulator_grid_shape asm("emulator_grid_shape");

namespace emulator {
namespace {

enum {
    MAX_THREADS = 1024,
    MAX_WARPS = MAX_THREADS / WARP,
    NAMED_BARRIERS = 16,
    STACK_BYTES = 256 << 10,
    GUARD_BYTES = 16 << 10,
    DYNAMIC_BYTES = 256 << 10,
    MESSAGE_BYTES = 16 << 10,
    POISON = 0xff
};

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
#include <ucontext.h>
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

// A word that lanes say together: `run` is done when the last of a warp has arrived, on what each brought.
struct Verb {
    const char* name;
    void (*run)(void** brought);
};

struct Copy {
    void* to;
    const void* from;
    i32 bytes;
    u32 group;
};

struct Fibre {
    Context context;
    u8* stack;
    std::vector<Copy> copies;
    u32 groups;
};

struct Warp {
    u32 ready, arrived, returned;  // masks of lanes
    const Verb* verb;
    void* brought[WARP];
    i32 barrier;  // where the whole warp waits, or -1
};

struct Named {
    i32 expected, arrived;
    u32 warps;
};

struct SharedArray {
    const char* name;
    u8* at;
    u64 bytes;
};

Fibre fibres[MAX_THREADS];
Warp warps[MAX_WARPS];
Named named[NAMED_BARRIERS];
std::vector<SharedArray> arrays;  // of this block
Context outside;
const Entry* entry;
const void* arguments;
u8* dynamic_memory;
u64 dynamic_bytes;
int thread_count, warp_count, returned_count;
int current;
u32 ready_warps;  // mask
u64 random_state;
char message[MESSAGE_BYTES];

u32 random() {
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

void add(const char* format, ...) __attribute__((format(printf, 1, 2)));
void add(const char* format, ...) {
    size_t used = strlen(message);
    va_list v;
    va_start(v, format);
    vsnprintf(message + used, MESSAGE_BYTES - used, format, v);
    va_end(v);
}

// Where this is, for the beginning of a message.
void add_place() {
    add("%s, block (%u, %u, %u)", entry->name, blockIdx.x, blockIdx.y, blockIdx.z);
    if (current >= 0) add(", warp %d, lane %d", current / WARP, current % WARP);
    add(": ");
}

// Leaves the block for good: the other fibres are never entered again.
[[noreturn]] void leave() {
    Context gone;
    switch_to(gone, outside);
    __builtin_unreachable();
}

[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));
void fail(const char* format, ...) {
    message[0] = 0;
    add_place();
    size_t used = strlen(message);
    va_list v;
    va_start(v, format);
    vsnprintf(message + used, MESSAGE_BYTES - used, format, v);
    va_end(v);
    leave();
}

[[noreturn]] void fail_deadlock() {
    message[0] = 0;
    current = -1;
    add_place();
    add("no thread can go on:");
    for (int w = 0; w < warp_count; w++) {
        const Warp& x = warps[w];
        add("\n  warp %d: ", w);
        if (x.barrier == 0) {
            add("at barrier()");
        } else if (x.barrier > 0) {
            add("at barrier_of(%d, %d)", x.barrier, named[x.barrier].expected);
        } else if (x.arrived != 0) {
            add("lanes %08x at %s, lanes %08x returned", x.arrived, x.verb->name, x.returned);
        } else {
            add("returned");
        }
    }
    leave();
}

void set_current(int thread) {
    current = thread;
    emulator_thread_index.x = (u32)thread;
}

// Another fibre goes on; this one when it is ready again. Mostly a lane of the same warp, at times any.
void next() {
    if (ready_warps == 0) {
        if (returned_count == thread_count) leave();
        fail_deadlock();
    }
    int self = current;
    u32 r = random();
    int w = self / WARP;
    if (!(ready_warps >> w & 1) || (r >> 10 & 31) == 0) w = any_of(ready_warps, r >> 5);
    int to = w * WARP + any_of(warps[w].ready, r);
    if (to == self) return;
    set_current(to);
    switch_to(fibres[self].context, fibres[to].context);
}

void set_ready(int w, u32 lanes) {
    warps[w].ready = lanes;
    if (lanes == 0) {
        ready_warps &= ~(1u << w);
    } else {
        ready_warps |= 1u << w;
    }
}

void fibre_main() {
    entry->run(arguments);
    Warp& w = warps[current / WARP];
    u32 me = 1u << current % WARP;
    if (w.arrived != 0) fail("returns while lanes %08x of its warp wait at %s", w.arrived, w.verb->name);
    w.returned |= me;
    returned_count++;
    set_ready(current / WARP, w.ready & ~me);
    next();
    __builtin_unreachable();
}

// All lanes of a warp meet; true for the last, when the others wait and it is up to the caller to set them ready.
bool arrive(const Verb& verb, void* brought) {
    Warp& w = warps[current / WARP];
    u32 me = 1u << current % WARP;
    if (w.returned != 0) fail("is at %s, but lanes %08x of its warp have returned", verb.name, w.returned);
    if (w.arrived != 0 && w.verb != &verb) {
        fail("is at %s, but lanes %08x of its warp wait at %s", verb.name, w.arrived, w.verb->name);
    }
    w.verb = &verb;
    w.arrived |= me;
    w.brought[current % WARP] = brought;
    set_ready(current / WARP, w.ready & ~me);
    return w.arrived == 0xffffffffu;
}

void together(const Verb& verb, void* brought) {
    if (arrive(verb, brought)) {
        Warp& w = warps[current / WARP];
        verb.run(w.brought);
        w.arrived = 0;
        set_ready(current / WARP, 0xffffffffu);
    }
    next();
}

void nothing(void**) {}
const Verb BARRIER = {"barrier()", nothing};
const Verb BARRIER_OF = {"barrier_of()", nothing};
const Verb WARP_BARRIER = {"warp_barrier()", nothing};

struct Meeting {
    int id, threads;
};

// Whole warps meet, when their lanes have.
void meet(const Verb& verb, Meeting m) {
    if (arrive(verb, &m)) {
        int own = current / WARP;
        for (int l = 0; l < WARP; l++) {
            const Meeting& o = *(const Meeting*)warps[own].brought[l];
            if (o.id != m.id || o.threads != m.threads) {
                fail("is at barrier_of(%d, %d), but lane %d is at barrier_of(%d, %d)", m.id, m.threads, l, o.id, o.threads);
            }
        }
        Named& n = named[m.id];
        if (n.arrived != 0 && n.expected != m.threads) {
            fail("is at barrier_of(%d, %d), but warps %08x wait there for %d threads", m.id, m.threads, n.warps, n.expected);
        }
        warps[own].barrier = m.id;
        n.expected = m.threads;
        n.arrived += WARP;
        n.warps |= 1u << own;
        if (n.arrived == n.expected) {
            for (int w = 0; w < warp_count; w++) {
                if (n.warps >> w & 1) {
                    warps[w].arrived = 0;
                    warps[w].barrier = -1;
                    set_ready(w, 0xffffffffu);
                }
            }
            n.arrived = 0;
            n.warps = 0;
        }
    }
    next();
}

struct Exchange {
    u32 x, y;
    int by;
};
void run_xor(void** b) {
    for (int l = 0; l < WARP; l++) {
        Exchange& e = *(Exchange*)b[l];
        e.y = ((Exchange*)b[(l ^ e.by) & 31])->x;
    }
}
void run_shuffle(void** b) {
    for (int l = 0; l < WARP; l++) {
        Exchange& e = *(Exchange*)b[l];
        e.y = ((Exchange*)b[e.by & 31])->x;
    }
}
void run_up(void** b) {
    for (int l = 0; l < WARP; l++) {
        Exchange& e = *(Exchange*)b[l];
        e.y = e.by > l ? e.x : ((Exchange*)b[l - e.by])->x;
    }
}
void run_votes(void** b) {
    u32 all = 0;
    for (int l = 0; l < WARP; l++) all |= (u32)(((Exchange*)b[l])->x != 0) << l;
    for (int l = 0; l < WARP; l++) ((Exchange*)b[l])->y = all;
}
const Verb XOR = {"shuffle_xor", run_xor};
const Verb SHUFFLE = {"shuffle", run_shuffle};
const Verb UP = {"shuffle_up", run_up};
const Verb VOTES = {"votes", run_votes};

u32 exchange(const Verb& verb, u32 x, int by) {
    Exchange e = {x, 0, by};
    together(verb, &e);
    return e.y;
}

struct Rows {
    u32* r;
    const u8* row;
};
void run_load(void** b) {
    for (int l = 0; l < WARP; l++) {
        for (int i = 0; i < 4; i++) {
            memcpy(&((Rows*)b[l])->r[i], ((Rows*)b[8 * i + l / 4])->row + 4 * (l % 4), 4);
        }
    }
}
void run_load_transposed(void** b) {
    for (int l = 0; l < WARP; l++) {
        for (int i = 0; i < 4; i++) {
            u16 low, high;
            memcpy(&low, ((Rows*)b[8 * i + 2 * (l % 4)])->row + 2 * (l / 4), 2);
            memcpy(&high, ((Rows*)b[8 * i + 2 * (l % 4) + 1])->row + 2 * (l / 4), 2);
            ((Rows*)b[l])->r[i] = low | (u32)high << 16;
        }
    }
}
const Verb LOAD = {"load_matrices", run_load};
const Verb LOAD_TRANSPOSED = {"load_matrices_transposed", run_load_transposed};

struct Fragment {
    float* d;
    const u32* a;
    u32 b[2];
};
template <class Half> void run_multiply(void** brought) {
    float a[16][16], b[16][8], d[16][8];
    for (int l = 0; l < WARP; l++) {
        const Fragment& f = *(const Fragment*)brought[l];
        int g = l / 4, t = l % 4;
        for (int i = 0; i < 4; i++) {
            int row = g + 8 * (i & 1), column = 2 * t + 8 * (i >> 1);
            a[row][column] = to_float(Half{(u16)f.a[i]});
            a[row][column + 1] = to_float(Half{(u16)(f.a[i] >> 16)});
        }
        for (int i = 0; i < 2; i++) {
            b[2 * t + 8 * i][g] = to_float(Half{(u16)f.b[i]});
            b[2 * t + 8 * i + 1][g] = to_float(Half{(u16)(f.b[i] >> 16)});
        }
        for (int i = 0; i < 4; i++) d[g + 8 * (i >> 1)][2 * t + (i & 1)] = f.d[i];
    }
    for (int i = 0; i < 16; i++) {
        for (int k = 0; k < 16; k++) {
            for (int j = 0; j < 8; j++) d[i][j] += a[i][k] * b[k][j];
        }
    }
    for (int l = 0; l < WARP; l++) {
        const Fragment& f = *(const Fragment*)brought[l];
        int g = l / 4, t = l % 4;
        for (int i = 0; i < 4; i++) f.d[i] = d[g + 8 * (i >> 1)][2 * t + (i & 1)];
    }
}
const Verb MULTIPLY_BF16 = {"multiply_add (bf16)", run_multiply<bf16>};
const Verb MULTIPLY_F16 = {"multiply_add (f16)", run_multiply<f16>};

bool is_shared(const void* p, u64 bytes) {
    const u8* q = (const u8*)p;
    if (q >= dynamic_memory && q + bytes <= dynamic_memory + dynamic_bytes) return true;
    for (const SharedArray& s : arrays) {
        if (q >= s.at && q + bytes <= s.at + s.bytes) return true;
    }
    return false;
}

void perform(const Copy& c) {
    memcpy(c.to, c.from, (size_t)c.bytes);
    memset((u8*)c.to + c.bytes, 0, (size_t)(16 - c.bytes));
}

void run_block() {
    memset(dynamic_memory, POISON, DYNAMIC_BYTES);
    arrays.clear();
    memset(warps, 0, sizeof warps);
    memset(named, 0, sizeof named);
    returned_count = 0;
    ready_warps = 0;
    for (int w = 0; w < warp_count; w++) {
        warps[w].barrier = -1;
        set_ready(w, 0xffffffffu);
    }
    for (int t = 0; t < thread_count; t++) {
        Fibre& f = fibres[t];
        // Stacks begin at different places of a page, or all would lie in the same lines of the cache.
        f.context.begin(f.stack + STACK_BYTES - t % 61 * 192, fibre_main);
        f.copies.clear();
        f.groups = 0;
    }
    int first = (int)(random() % (u32)thread_count);
    set_current(first);
    switch_to(outside, fibres[first].context);
}

void* map(size_t bytes) {
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? nullptr : p;
}

bool prepare(int threads) {
    if (dynamic_memory == nullptr && (dynamic_memory = (u8*)map(DYNAMIC_BYTES)) == nullptr) return false;
    for (int t = 0; t < threads; t++) {
        if (fibres[t].stack == nullptr) {
            u8* low = (u8*)map(GUARD_BYTES + STACK_BYTES);
            if (low == nullptr) return false;
            mprotect(low, GUARD_BYTES, PROT_NONE);
            fibres[t].stack = low + GUARD_BYTES;
        }
    }
    return true;
}

}  // namespace

void barrier() { meet(BARRIER, {0, thread_count}); }
void barrier_of(int id, int threads) {
    if (id < 1 || id >= NAMED_BARRIERS || threads < WARP || threads % WARP != 0 || threads > thread_count) {
        fail("barrier_of(%d, %d): an id of 1 to 15 and a multiple of 32 threads, at most the block's %d", id, threads, thread_count);
    }
    meet(BARRIER_OF, {id, threads});
}
void warp_barrier() { together(WARP_BARRIER, nullptr); }
u32 shuffle_xor(u32 x, int mask) { return exchange(XOR, x, mask); }
u32 shuffle(u32 x, int lane) { return exchange(SHUFFLE, x, lane); }
u32 shuffle_up(u32 x, int by) { return exchange(UP, x, by); }
u32 votes(bool p) { return exchange(VOTES, p, 0); }

void load_matrices(u32 (&r)[4], const void* row, bool transposed) {
    if ((u64)row % 16 != 0 || !is_shared(row, 16)) {
        fail("load_matrices of a row at %p: not 16 bytes of shared memory, 16-byte aligned", row);
    }
    Rows rows = {r, (const u8*)row};
    together(transposed ? LOAD_TRANSPOSED : LOAD, &rows);
}
void multiply_add_bf16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    Fragment f = {d, a, {b0, b1}};
    together(MULTIPLY_BF16, &f);
}
void multiply_add_f16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    Fragment f = {d, a, {b0, b1}};
    together(MULTIPLY_F16, &f);
}

void shared_array(const char* name, void* at, u64 bytes) {
    for (const SharedArray& s : arrays) {
        if (s.at == at) return;
    }
    arrays.push_back({name, (u8*)at, bytes});
    memset(at, POISON, bytes);
}
u8* dynamic_shared() {
    if (dynamic_bytes == 0) fail("uses dynamic shared memory, but was launched with none");
    return dynamic_memory;
}
u32 shared_address(const void* p) {
    if (!is_shared(p, 1)) fail("shared_address of %p, which is not in shared memory", p);
    return (u32)(u64)p;
}

void copy_async16(void* to, const void* from, int bytes) {
    if (bytes < 0 || bytes > 16) fail("copy_async16 of %d bytes: 0 to 16", bytes);
    if ((u64)to % 16 != 0 || !is_shared(to, 16)) {
        fail("copy_async16 to %p: not 16 bytes of shared memory, 16-byte aligned", to);
    }
    if ((u64)from % 16 != 0) fail("copy_async16 from %p: not 16-byte aligned", from);
    if (bytes > 0 && is_shared(from, 1)) fail("copy_async16 from %p: shared memory, where global is read", from);
    memset(to, POISON, 16);
    Fibre& f = fibres[current];
    f.copies.push_back({to, from, bytes, f.groups});
}
void copies_commit() { fibres[current].groups++; }
void copies_wait(int open) {
    Fibre& f = fibres[current];
    size_t done = 0;
    while (done < f.copies.size() && f.copies[done].group + (u32)open < f.groups) perform(f.copies[done++]);
    f.copies.erase(f.copies.begin(), f.copies.begin() + (long)done);
}

u32 atomic_add(u32* p, u32 x) {
    u32 before = *p;
    *p += x;
    return before;
}
float atomic_add(float* p, float x) {
    float before = *p;
    *p += x;
    return before;
}
void aligned16(const void* p) {
    if ((u64)p % 16 != 0) fail("16 bytes at %p: not aligned", p);
}

// Runs a launch to its end; null, or what went wrong.
extern "C" __attribute__((visibility("default"))) const char* emulator_launch(
    const Entry* what, const void* a, u64 bytes, u64 x, u64 y, u64 z, i32 threads, i32 shared, u64 seed) {
    message[0] = 0;
    entry = what;
    arguments = a;
    dynamic_bytes = (u64)shared;
    thread_count = threads;
    warp_count = threads / WARP;
    random_state = seed * 0x9e3779b97f4a7c15ull | 1;
    if (threads < WARP || threads > MAX_THREADS || threads % WARP != 0) {
        add("%s: %d threads a block: a multiple of 32, at most %d", what->name, threads, (int)MAX_THREADS);
    } else if (threads > what->threads) {
        add("%s: %d threads a block, declared for at most %d", what->name, threads, what->threads);
    } else if (bytes != (what->arguments + 7) / 8 * 8) {
        add("%s: arguments of %llu bytes, its struct has %llu", what->name, bytes, what->arguments);
    } else if (x < 1 || y < 1 || z < 1 || x > 0x7fffffff || y > 65535 || z > 65535) {
        add("%s: a grid of %llu x %llu x %llu blocks", what->name, x, y, z);
    } else if (shared < 0 || shared > 227 << 10) {
        add("%s: %d bytes of shared memory", what->name, shared);
    } else if (!prepare(threads)) {
        add("no memory for the stacks of %d threads", threads);
    }
    if (message[0] != 0) return message;
    emulator_block_shape = {(u32)threads, 1, 1};
    emulator_grid_shape = {(u32)x, (u32)y, (u32)z};
    u64 blocks = x * y * z;
    for (u64 i = 0; i < blocks; i++) {
        emulator_block_index = {(u32)(i % x), (u32)(i / x % y), (u32)(i / x / y)};
        run_block();
        if (message[0] != 0) return message;
    }
    return nullptr;
}

}  // namespace emulator
