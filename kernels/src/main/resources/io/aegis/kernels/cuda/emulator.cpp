// emulator.cpp: what emulator.h declares, and the launch.
#include "common.cuh"
#include "integers.cuh"

// Before what reads them as constants.
emulator::Index emulator_thread_index asm("emulator_thread_index");
emulator::Index emulator_block_index asm("emulator_block_index");
emulator::Index emulator_block_shape asm("emulator_block_shape");
emulator::Index emulator_grid_shape asm("emulator_grid_shape");

#include "emulator_fibres.h"
#include "emulator_signals.h"
#include "emulator_bulk.h"

#include <link.h>

namespace emulator {
namespace {

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
const Verb XOR = {"shuffle_xor", run_xor, false};
const Verb SHUFFLE = {"shuffle", run_shuffle, false};
const Verb UP = {"shuffle_up", run_up, false};
const Verb VOTES = {"votes", run_votes, false};

u32 exchange(const Verb& verb, u32 x, int by, const void* pc) {
    Exchange e = {x, 0, by};
    together(verb, &e, pc);
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
const Verb LOAD = {"load_matrices", run_load, false};
const Verb LOAD_TRANSPOSED = {"load_matrices_transposed", run_load_transposed, false};

struct Fragment {
    float* d;
    const u32* a;
    u32 b[2];
};
template <class Half> void run_multiply(void** brought) {
    alignas(16) float a[16][16], b[16][8], d[16][8];
    for (int l = 0; l < WARP; l++) {
        const Fragment& f = *(const Fragment*)brought[l];
        int g = l / 4, t = l % 4;
        for (int i = 0; i < 4; i++) {
            int row = g + 8 * (i & 1), column = 2 * t + 8 * (i >> 1);
            a[row][column] = to_float(Half{(u16)f.a[i]});
            a[row][column + 1] = to_float(Half{(u16)(f.a[i] >> 16)});
            d[g + 8 * (i >> 1)][2 * t + (i & 1)] = f.d[i];
        }
        for (int i = 0; i < 2; i++) {
            b[2 * t + 8 * i][g] = to_float(Half{(u16)f.b[i]});
            b[2 * t + 8 * i + 1][g] = to_float(Half{(u16)(f.b[i] >> 16)});
        }
    }
    for (int i = 0; i < 16; i++) {
        Four* row = (Four*)d[i];
        Four left = row[0], right = row[1];
        for (int k = 0; k < 16; k++) {
            left += a[i][k] * ((const Four*)b[k])[0];
            right += a[i][k] * ((const Four*)b[k])[1];
        }
        row[0] = left;
        row[1] = right;
    }
    for (int l = 0; l < WARP; l++) {
        const Fragment& f = *(const Fragment*)brought[l];
        int g = l / 4, t = l % 4;
        for (int i = 0; i < 4; i++) f.d[i] = d[g + 8 * (i >> 1)][2 * t + (i & 1)];
    }
}
const Verb MULTIPLY_BF16 = {"multiply_add (bf16)", run_multiply<bf16>, false};
const Verb MULTIPLY_F16 = {"multiply_add (f16)", run_multiply<f16>, false};

struct ByteFragment {
    i32* d;
    const u32* a;
    u32 b[2];
};
void run_multiply_bytes(void** brought) {
    i8 a[16][32], b[32][8];
    for (int l = 0; l < WARP; l++) {
        const ByteFragment& f = *(const ByteFragment*)brought[l];
        int g = l / 4, t = l % 4;
        for (int i = 0; i < 4; i++) {
            for (int e = 0; e < 4; e++) a[g + 8 * (i & 1)][4 * t + 16 * (i >> 1) + e] = (i8)(f.a[i] >> 8 * e);
        }
        for (int i = 0; i < 2; i++) {
            for (int e = 0; e < 4; e++) b[4 * t + 16 * i + e][g] = (i8)(f.b[i] >> 8 * e);
        }
    }
    for (int l = 0; l < WARP; l++) {
        const ByteFragment& f = *(const ByteFragment*)brought[l];
        for (int i = 0; i < 4; i++) {
            int row = l / 4 + 8 * (i >> 1), column = 2 * (l % 4) + (i & 1), sum = 0;
            for (int k = 0; k < 32; k++) sum += a[row][k] * b[k][column];
            f.d[i] = (i32)((u32)f.d[i] + (u32)sum);
        }
    }
}
const Verb MULTIPLY_BYTES = {"multiply_add (bytes)", run_multiply_bytes, false};

void perform(const Copy& c) {
    memcpy(c.to, c.from, (size_t)c.bytes);
    memset((u8*)c.to + c.bytes, 0, (size_t)(c.size - c.bytes));
    if (checking) arrived_copy(shared_byte(c.to), (u64)c.size);
}

// Of `size` bytes, whose last beyond `bytes` become zero.
void copy(void* to, const void* from, int bytes, int size, const void* pc) {
    if (bytes < 0 || bytes > size) fail(pc, "copies %d bytes: 0 to %d", bytes, size);
    if ((u64)to % (u64)size != 0) fail(pc, "copies to %p, which is not aligned to %d bytes", to, size);
    if (!is_shared(to, (u64)size)) fail(pc, "copies to %p, which is not shared memory", to);
    if ((u64)from % (u64)size != 0) fail(pc, "copies from %p, which is not aligned to %d bytes", from, size);
    if (checking) {
        if (bytes > 0) global_access(from, (u64)bytes, READ, pc);
        touch_shared(shared_byte(to), (u64)size, COPY, pc);
    }
    memset(to, POISON, (size_t)size);
    Fibre& f = fibres[current];
    f.copies.push_back({to, from, bytes, size, f.groups});
}

void run_block() {
    memset(dynamic_memory, POISON, dynamic_bytes);
    arrays.clear();
    last_array = {};
    static_bytes = 0;
    start_block(warp_count);
    forget_async();
    forget_additions();
    run_fibres();
    need_no_additions();
    if (message[0] == 0) memcpy(message, doubt, MESSAGE_BYTES);
}

void find_module() {
    module_base = module_end = 0;
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void*) {
            u64 end = 0;
            bool own = false;
            for (int i = 0; i < info->dlpi_phnum; i++) {
                const auto& h = info->dlpi_phdr[i];
                u64 low = info->dlpi_addr + h.p_vaddr, high = low + h.p_memsz;
                if (h.p_type != PT_LOAD) continue;
                end = std::max(end, high);
                own |= (u64)entry >= low && (u64)entry < high;
            }
            if (own) {
                module_base = info->dlpi_addr;
                module_end = end;
            }
            return (int)own;
        },
        nullptr);
}

// Stamps are counted on from launch to launch, so that what was before need not be forgotten; until there are too many.
void forget() {
    if (passed < 0x80000000u) return;
    passed = 1;
    for (Cell* c = cells; c < cells + 5 * CELLS; c++) *c = {};
    for (Block& b : blocks) {
        if (b.cells != nullptr) munmap(b.cells, cell_bytes(b));
        b.cells = nullptr;
    }
}

void need_meeting(int id, int threads, const void* pc) {
    if (id < 1 || id >= NAMED_BARRIERS || threads < WARP || threads % WARP != 0 || threads > thread_count) {
        fail(pc, "barrier_of(%d, %d): an id of 1 to 15 and a multiple of 32 threads, at most the block's %d", id, threads, thread_count);
    }
}

void* waits_at;  // the host's words for watched.cuh
u32* waits_count;

u64 common_divisor(u64 a, u64 b) { return b == 0 ? a : common_divisor(b, a % b); }

}  // namespace

void barrier() { meet(BARRIER, {0, thread_count}, PC); }
void barrier_of(int id, int threads) {
    need_meeting(id, threads, PC);
    meet(BARRIER_OF, {id, threads}, PC);
}
bool barrier_of_within(int id, int threads) {
    const void* pc = PC;
    need_meeting(id, threads, pc);
    return within_limit([&] { meet(BARRIER_OF, {id, threads}, pc); });
}
// Nobody comes back: the launch ends when no thread can go on.
void give_up() {
    set_ready((int)own_warp, warps[own_warp].ready & ~(1u << own_lane));
    next();
    __builtin_unreachable();
}
void* waits() { return waits_at; }
u32* wait_count() { return waits_count; }
void warp_barrier() { together(WARP_BARRIER, nullptr, PC); }
u32 shuffle_xor(u32 x, int mask) { return exchange(XOR, x, mask, PC); }
u32 shuffle(u32 x, int lane) { return exchange(SHUFFLE, x, lane, PC); }
u32 shuffle_up(u32 x, int by) { return exchange(UP, x, by, PC); }
u32 votes(bool p) { return exchange(VOTES, p, 0, PC); }

void load_matrices(u32 (&r)[4], const void* row, bool transposed) {
    if ((u64)row % 16 != 0) fail(PC, "loads a row at %p, which is not aligned to 16 bytes", row);
    if (!is_shared(row, 16)) fail(PC, "loads a row at %p, which is not shared memory", row);
    if (checking) {
        u64 byte = shared_byte(row);
        if (!quick_shared_read<16>(byte, 0, offset_of(PC))) touch_shared(byte, 16, LOAD_ROW, PC);
    }
    Rows rows = {r, (const u8*)row};
    together(transposed ? LOAD_TRANSPOSED : LOAD, &rows, PC);
}
void multiply_add_bf16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    Fragment f = {d, a, {b0, b1}};
    together(MULTIPLY_BF16, &f, PC);
}
void multiply_add_f16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    Fragment f = {d, a, {b0, b1}};
    together(MULTIPLY_F16, &f, PC);
}

void multiply_add_bytes(i32 (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    ByteFragment f = {d, a, {b0, b1}};
    together(MULTIPLY_BYTES, &f, PC);
}

void shared_array(const char* name, void* fenced, u64 room, void* at, u64 bytes) {
    for (const SharedArray& s : arrays) {
        if (s.at == at) return;
    }
    if (static_bytes + bytes > STATIC_LIMIT || static_bytes + bytes + dynamic_bytes > SHARED_LIMIT) {
        fail(PC, "shared array %s of %llu bytes beside %llu of other arrays and %llu of dynamic shared memory: at most %d in arrays, %d in all",
            name, bytes, static_bytes, dynamic_bytes, (int)STATIC_LIMIT, (int)SHARED_LIMIT);
    }
    arrays.push_back({name, (u8*)fenced, (u8*)fenced + room, (u8*)at, bytes, (DYNAMIC_ROOM + static_bytes) / 4});
    static_bytes += (bytes + 15) / 16 * 16;
    memset(at, POISON, bytes);
}
u8* dynamic_shared() { return dynamic_memory; }
u32 shared_address(const void* p) {
    if (!is_shared(p, 1)) fail(PC, "shared_address of %p, which is not shared memory", p);
    return (u32)(u64)p;
}

void copy_async16(void* to, const void* from, int bytes) { copy(to, from, bytes, 16, PC); }
void copy_async4(void* to, const void* from, int bytes) { copy(to, from, bytes, 4, PC); }
void copies_commit() { fibres[current].groups++; }
void copies_wait(int open) {
    Fibre& f = fibres[current];
    size_t done = 0;
    while (done < f.copies.size() && f.copies[done].group + (u32)open < f.groups) perform(f.copies[done++]);
    f.copies.erase(f.copies.begin(), f.copies.begin() + (long)done);
}

u32 atomic_add(u32* p, u32 x) {
    if (checking) access(p, 4, true, ATOMIC, PC);
    acquired = true;
    u32 before = *p;
    *p += x;
    return before;
}
float atomic_add(float* p, float x) {
    if (checking) access(p, 4, true, ATOMIC, PC);
    acquired = true;
    float before = *p;
    *p += x;
    return before;
}
void fence() { fences.back() = passed; }

void aligned16(const void* p) {
    if ((u64)p % 16 != 0) fail(PC, "16 bytes at %p, which is not aligned to them", p);
}
void global16(const void* p) {
    if (is_shared(p, 1)) fail(PC, "load16_once from shared memory");
}

}  // namespace emulator

using namespace emulator;

// A block of global memory, all of it in use.
CALLED_BY_HOST(void) emulator_allocated(u64 at, u64 bytes) {
    auto where = std::upper_bound(blocks.begin(), blocks.end(), at, [](u64 q, const Block& b) { return q < b.at; });
    blocks.insert(where, {at, bytes, bytes, nullptr});
    last_block = nullptr;
}

// The first bytes of a block may be touched, the rest may not.
CALLED_BY_HOST(void) emulator_used(u64 at, u64 bytes) { block_of(at)->used = bytes; }

CALLED_BY_HOST(void) emulator_freed(u64 at) {
    Block* b = block_of(at);
    if (b->cells != nullptr) munmap(b->cells, cell_bytes(*b));
    blocks.erase(blocks.begin() + (b - blocks.data()));
    last_block = nullptr;
}

// Where kernels of a debug build write down what they wait for.
CALLED_BY_HOST(void) emulator_watch(u64 at, u64 count) {
    waits_at = (void*)at;
    waits_count = (u32*)count;
}

// Runs a launch to its end; null, or what went wrong.
CALLED_BY_HOST(const char*) emulator_launch(
    const Entry* what, const void* a, u64 bytes, u64 x, u64 y, u64 z, i32 threads, i32 shared, i32 checked, i32 limit, u64 seed) {
    message[0] = doubt[0] = 0;
    current = -1;
    entry = what;
    arguments = (const u8*)a;
    dynamic_bytes = (u64)shared;
    checking = checked != 0;
    seconds = limit;
    thread_count = threads;
    warp_count = warp_stride = threads / WARP;
    own_warps = warp_count == MAX_WARPS ? ALL : (1u << warp_count) - 1;
    random_state = seed * 0x9e3779b97f4a7c15ull | 1;
    if (threads < WARP || threads > MAX_THREADS || threads % WARP != 0) {
        add("%s: %d threads a block: a multiple of 32, at most %d", what->name, threads, (int)MAX_THREADS);
    } else if (threads > what->threads) {
        add("%s: %d threads a block, declared for at most %d", what->name, threads, what->threads);
    } else if (bytes != (what->arguments + 7) / 8 * 8) {
        add("%s: arguments of %llu bytes, its struct has %llu", what->name, bytes, what->arguments);
    } else if (x < 1 || y < 1 || z < 1 || x > 0x7fffffff || y > 65535 || z > 65535) {
        add("%s: a grid of %llu x %llu x %llu blocks", what->name, x, y, z);
    } else if (shared < 0 || shared > SHARED_LIMIT) {
        add("%s: %d bytes of dynamic shared memory, at most %d", what->name, shared, (int)SHARED_LIMIT);
    } else if (!prepare_shared() || !prepare_fibres(threads)) {
        add("%s: no memory for the stacks of %d threads", what->name, threads);
    }
    if (message[0] != 0) return message;
    find_module();
    forget();
    launch_start = passed + 1;
    block_starts.clear();
    fences.clear();
    emulator_block_shape = {(u32)threads, 1, 1};
    emulator_grid_shape = {(u32)x, (u32)y, (u32)z};
    // Blocks run in an order that nobody can count on: a step that has no divisor in common with their number.
    u64 count = x * y * z;
    u64 step = any_number() % count | 1;
    while (common_divisor(step, count) != 1) step++;
    u64 i = any_number() % count;
    Watch watch;
    if (sigsetjmp(out_of_launch, 1) == 0) {
        for (u64 done = 0; done < count && message[0] == 0; done++) {
            emulator_block_index = {(u32)(i % x), (u32)(i / x % y), (u32)(i / x / y)};
            run_block();
            i = (i + step) % count;
        }
    }
    return message[0] != 0 ? message : nullptr;
}
