// emulator_memory.h: which bytes a thread may touch, and when.
//
// g++ compiles checked kernels with -fsanitize=thread, which puts a call before each access to memory. The calls land here,
// not in the sanitizer's library, and are held against the GPU's rules:
//
//   where  An access lies in the thread's own locals, in the launch's arguments (read only), inside one array of shared
//          memory, or inside the part of a global block that is in use; it is aligned to its size.
//   when   Two threads touch the same bytes, one of them writes, and no barrier lies between: a race. Time is told in
//          stamps. `passed` counts the barriers passed; known[v][w] says that what warp w did at stamps below it lies
//          before what warp v does now. A barrier joins what its warps know. In shared memory this is exact, in whatever
//          order the fibres ran: no race of the accesses is missed, none is invented. (Of two atomics at one place the
//          later hides the earlier.)
//
// Shared memory has a cell for each 4 bytes, with the last writer and, a warp, the last reader since; a word that is accessed
// in parts has a cell for each byte. Global memory's cells hold one reader only, so some write after read is missed there.
// Blocks run one after another but count as simultaneous, unless one had a fence() and the other an atomic behind it.
#pragma once

#include "emulator_report.h"

#include <algorithm>
#include <sys/mman.h>
#include <vector>

namespace emulator {
namespace {

enum {
    MAX_THREADS = 1024,
    MAX_WARPS = MAX_THREADS / WARP,
    STACK_BYTES = 256 << 10,
    GUARD_BYTES = 16 << 10,
    SLOT_BYTES = STACK_BYTES + GUARD_BYTES,
    STATIC_LIMIT = 48 << 10,
    SHARED_LIMIT = 227 << 10,
    DYNAMIC_ROOM = 256 << 10,  // what lies around the dynamic memory of a launch
    CELLS = (DYNAMIC_ROOM + STATIC_LIMIT) / 4,
    POISON = 0xff
};

typedef float Four __attribute__((vector_size(16), may_alias));

enum Kind { READ, LOAD_ROW, WRITE, ATOMIC, COPY };  // LOAD_ROW: may read what nobody wrote, as rows that are not used
const char* const DOES[] = {"reads", "loads a row of", "writes", "adds to", "starts a copy to"};
const char* const DID[] = {"read", "loaded a row of", "wrote", "added to", "started a copy to"};

void* map(u64 bytes) {
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? nullptr : p;
}

// ---- time

u32 passed = 1;
u32 launch_start, block_start;
u32 known[MAX_WARPS][MAX_WARPS];
const u32* knows = known[0];  // the row of the current thread's warp
// Of this launch, by the order in which blocks ran; a fence covers stamps up to its own. Never destroyed, as all lists here:
// a process may end in the middle of a launch.
std::vector<u32>&block_starts = *new std::vector<u32>, &fences = *new std::vector<u32>;
bool acquired;  // this block has had an atomic

u32 own_warp, own_lane;                 // of the current thread
u32 now() { return knows[own_warp]; }
bool is_before(u32 stamp, u32 thread) { return stamp < knows[thread / WARP]; }

// The warps of a mask have met at a barrier.
void join(u32 mask, int warps) {
    u32 all[MAX_WARPS];
    u32 stamp = ++passed;
    for (int w = 0; w < warps; w++) {
        all[w] = stamp;
        if (!(mask >> w & 1)) {
            all[w] = 0;
            for (int v = 0; v < warps; v++) {
                if (mask >> v & 1) all[w] = std::max(all[w], known[v][w]);
            }
        }
    }
    for (int v = 0; v < warps; v++) {
        if (mask >> v & 1) memcpy(known[v], all, sizeof(u32) * (size_t)warps);
    }
}

void start_block(int warps) {
    block_start = ++passed;
    for (int v = 0; v < warps; v++) {
        for (u32& w : known[v]) w = block_start;  // of all, as cells may name warps of a larger block before
    }
    block_starts.push_back(block_start);
    fences.push_back(0);
    acquired = false;
}

// ---- shared memory

struct SharedArray {
    const char* name;
    u8 *low, *high;  // with the room around it that nobody may touch
    u8* at;
    u64 bytes;
    u64 cell;  // of its first 4 bytes
};

u8* dynamic_memory;
u64 dynamic_bytes;
std::vector<SharedArray>& arrays = *new std::vector<SharedArray>;  // those that this block has come to
SharedArray last_array;  // touched
u64 static_bytes;
bool checking;

enum { BY_ATOMIC = 1, IN_FLIGHT = 2, IN_PARTS = 4, BY_THREAD = 8 };  // BY_THREAD: written with no proxy_fence() behind it
struct Cell {
    u32 stamp;
    u16 writer;
    u16 flags;
    u32 readers;  // mask of warps
    u32 pc;
};
struct Reader {
    u32 stamp;
    u32 lane : 6;  // SEVERAL: not one alone
    u32 pc : 26;
};
enum { SEVERAL = WARP };

// First a cell a word, behind them a cell a byte.
Cell* cells;
Reader* readers;  // warp_stride a cell, as many as this launch has warps
int warp_stride;
bool proxies;   // this block has barriers in shared memory, so that products and tiles may be about
std::vector<Cell*>* const unfenced = new std::vector<Cell*>[MAX_THREADS];  // what each thread wrote then
u32 own_warps;  // mask: cells may have readers from an earlier launch of larger blocks

bool prepare_shared() {
    if (dynamic_memory != nullptr) return true;
    u8* room = (u8*)map(DYNAMIC_ROOM);
    cells = (Cell*)map(sizeof(Cell) * 5 * CELLS);
    readers = (Reader*)map(sizeof(Reader) * 5 * CELLS * MAX_WARPS);
    if (room == nullptr || cells == nullptr || readers == nullptr) return false;
    dynamic_memory = room;
    return true;
}

// Whole inside of dynamic memory or of one array?
const SharedArray* array_of(const u8* p) {
    for (const SharedArray& s : arrays) {
        if (p >= s.low && p < s.high) return &s;
    }
    return nullptr;
}
bool is_shared(const void* p, u64 bytes) {
    const u8* q = (const u8*)p;
    if (q >= dynamic_memory && q < dynamic_memory + DYNAMIC_ROOM) return q + bytes <= dynamic_memory + dynamic_bytes;
    const SharedArray* s = array_of(q);
    return s != nullptr && q >= s->at && q + bytes <= s->at + s->bytes;
}

void add_shared(u64 cell, u64 byte) {
    if (cell < DYNAMIC_ROOM / 4) {
        add("dynamic shared memory at offset %llu", cell * 4 + byte);
        return;
    }
    for (const SharedArray& s : arrays) {
        if (cell >= s.cell && cell < s.cell + (s.bytes + 3) / 4) add("shared array %s at byte %llu", s.name, (cell - s.cell) * 4 + byte);
    }
}

struct Where {
    u64 cell;
    u64 byte;
    Kind kind;
    const void* pc;
};

// Perhaps it is written later, by another thread: then there is a race, which says more.
void doubt_unwritten(const Where& at) {
    if (doubt[0] != 0) return;
    begin_message();
    add("%s ", DOES[at.kind]);
    add_shared(at.cell, at.byte);
    add(" [+0x%x], which nobody wrote", offset_of(at.pc));
    memcpy(doubt, message, MESSAGE_BYTES);
    message[0] = 0;
}

[[noreturn]] void fail_race(const Where& at, int warp, int lane, const char* did, u32 pc) {
    begin_message();
    add("race: %s ", DOES[at.kind]);
    add_shared(at.cell, at.byte);
    add(" [+0x%x], which ", offset_of(at.pc));
    if (lane == SEVERAL) {
        add("several lanes of warp %d", warp);
    } else {
        add("thread %d (warp %d, lane %d)", warp * WARP + lane, warp, lane);
    }
    add(" %s [+0x%x] with no barrier in between", did, pc);
    leave();
}

void touch(Cell& c, Reader* r, const Where& at) {
    if (c.flags & IN_FLIGHT && c.stamp >= block_start) {
        begin_message();
        add("%s ", DOES[at.kind]);
        add_shared(at.cell, at.byte);
        add(" [+0x%x] while the copy to it by thread %d [+0x%x] has not been waited for", offset_of(at.pc), c.writer, c.pc);
        leave();
    }
    bool among_atomics = at.kind == ATOMIC && c.flags & BY_ATOMIC;
    if (c.writer != current && !among_atomics && !is_before(c.stamp, c.writer)) {
        fail_race(at, c.writer / WARP, c.writer % WARP, c.flags & BY_ATOMIC ? DID[ATOMIC] : DID[WRITE], c.pc);
    }
    u32 warp = own_warp, lane = own_lane;
    if (at.kind <= LOAD_ROW) {
        if (at.kind == READ && c.stamp < block_start) doubt_unwritten(at);
        Reader& own = r[warp];
        if (c.readers >> warp & 1 && own.stamp == now()) {
            if (own.lane != lane) own.lane = SEVERAL;
        } else {
            c.readers |= 1u << warp;
            own = {now(), lane, offset_of(at.pc)};
        }
        return;
    }
    for (u32 left = c.readers & own_warps; left != 0; left &= left - 1) {
        u32 w = (u32)__builtin_ctz(left);
        if (r[w].stamp < knows[w]) continue;
        if (w == warp && r[w].lane == lane) continue;
        fail_race(at, (int)w, r[w].lane, DID[READ], r[w].pc);
    }
    c.stamp = now();
    c.writer = (u16)current;
    c.flags = at.kind == ATOMIC ? BY_ATOMIC : at.kind == COPY ? IN_FLIGHT : proxies ? BY_THREAD : 0;
    if (c.flags == BY_THREAD) unfenced[current].push_back(&c);
    c.readers = 0;
    c.pc = offset_of(at.pc);
}

// `byte`, counted from the first cell's.
void touch_shared(u64 byte, u64 bytes, Kind kind, const void* pc) {
    for (u64 end = byte + bytes; byte < end;) {
        u64 word = byte / 4;
        Cell& c = cells[word];
        Reader* r = readers + word * (u64)warp_stride;
        bool whole = byte % 4 == 0 && end - byte >= 4;
        if (whole && !(c.flags & IN_PARTS)) {
            touch(c, r, {word, 0, kind, pc});
            byte += 4;
            continue;
        }
        Cell* parts = cells + CELLS + word * 4;
        Reader* their = readers + (CELLS + word * 4) * (u64)warp_stride;
        if (!(c.flags & IN_PARTS)) {
            for (int i = 0; i < 4; i++) {
                parts[i] = c;
                memcpy(their + i * warp_stride, r, sizeof(Reader) * (u64)warp_stride);
            }
            c.flags |= IN_PARTS;
        }
        for (; byte < end && byte / 4 == word; byte++) {
            u64 i = byte % 4;
            touch(parts[i], their + i * (u64)warp_stride, {word, i, kind, pc});
        }
        if (whole && kind > LOAD_ROW) c = parts[0];
    }
}

void arrived_copy(u64 byte, u64 bytes) {
    for (u64 word = byte / 4; word < (byte + bytes) / 4; word++) {
        cells[word].stamp = now();
        cells[word].flags = 0;
    }
}

// Counted from the first cell's byte.
u64 shared_byte(const void* p) {
    const u8* q = (const u8*)p;
    if (q >= dynamic_memory && q < dynamic_memory + DYNAMIC_ROOM) return (u64)(q - dynamic_memory);
    const SharedArray* s = array_of(q);
    return s->cell * 4 + (u64)(q - s->at);
}

// ---- global memory

struct GlobalCell {
    u32 read_stamp, read_pc;
    u16 reader;
    u8 read;  // mask of bytes
    u32 write_stamp, write_pc;
    u16 writer;
    u8 written;
    u8 by_atomic;
};

struct Block {
    u64 at, used, bytes;
    GlobalCell* cells;
};

std::vector<Block>& blocks = *new std::vector<Block>;  // by address
Block* last_block;

u64 cell_bytes(const Block& b) { return (b.bytes + 7) / 4 * sizeof(GlobalCell); }

// The one that begins last at or before an address.
Block* block_of(u64 p) {
    auto after = std::upper_bound(blocks.begin(), blocks.end(), p, [](u64 q, const Block& b) { return q < b.at; });
    return after == blocks.begin() ? nullptr : &*(after - 1);
}

// Whether what another block of this launch did at a stamp is known to be done. Stamps of blocks follow one another.
bool is_released(u32 stamp, bool by_atomic) {
    if (!acquired) return false;
    if (by_atomic) return true;
    size_t block = (size_t)(std::upper_bound(block_starts.begin(), block_starts.end(), stamp) - block_starts.begin()) - 1;
    return stamp <= fences[block];
}

bool collides(u32 stamp, int thread, bool by_atomic) {
    if (stamp < block_start) return !is_released(stamp, by_atomic);
    return thread != current && !is_before(stamp, thread);
}

[[noreturn]] void fail_global_race(const Block& b, u64 p, Kind kind, const void* pc, u32 stamp, int thread, const char* did, u32 its_pc) {
    begin_message();
    add("race: %s global memory at byte %llu of %llu [+0x%x], which thread %d", DOES[kind], p - b.at, b.used, offset_of(pc), thread);
    if (stamp < block_start) add(" of another block");
    add(" %s [+0x%x] with no %s in between", did, its_pc, stamp < block_start ? "fence() and atomic" : "barrier");
    leave();
}

void touch_global(Block& b, u64 p, u64 bytes, Kind kind, const void* pc) {
    if (b.cells == nullptr) {
        b.cells = (GlobalCell*)map(cell_bytes(b));
        if (b.cells == nullptr) fail(pc, "no memory to watch a block of %llu bytes", b.bytes);
    }
    for (u64 at = p - b.at, end = at + bytes; at < end;) {
        GlobalCell& c = b.cells[at / 4];
        u64 to = std::min(end, (at / 4 + 1) * 4);
        u8 mask = (u8)(((1u << (to - at)) - 1) << at % 4);
        // Most words are written by nobody in a launch, or by who touches them.
        if (c.write_stamp >= launch_start && c.written & mask && !(kind == ATOMIC && c.by_atomic) &&
            collides(c.write_stamp, c.writer, c.by_atomic)) {
            fail_global_race(b, b.at + at, kind, pc, c.write_stamp, c.writer, c.by_atomic ? DID[ATOMIC] : DID[WRITE], c.write_pc);
        }
        if (kind == READ) {
            c.read_stamp = now();
            c.reader = (u16)current;
            c.read = mask;
            c.read_pc = offset_of(pc);
        } else {
            if (c.read_stamp >= launch_start && c.read & mask && collides(c.read_stamp, c.reader, false)) {
                fail_global_race(b, b.at + at, kind, pc, c.read_stamp, c.reader, DID[READ], c.read_pc);
            }
            c.write_stamp = now();
            c.writer = (u16)current;
            c.written = mask;
            c.write_pc = offset_of(pc);
            c.by_atomic = kind == ATOMIC;
        }
        at = to;
    }
}

[[noreturn]] void fail_outside(const void* p, u64 bytes, Kind kind, const void* pc) {
    begin_message();
    add("%s %llu bytes at %p [+0x%x], ", DOES[kind], bytes, p, offset_of(pc));
    u64 q = (u64)p;
    Block* b = block_of(q);
    Block* after = b == nullptr ? blocks.data() : b + 1;
    u64 behind = b == nullptr ? ~0ull : q - b->at - b->bytes;
    u64 ahead = after == blocks.data() + blocks.size() ? ~0ull : after->at - q;
    if (q < 4096) {
        add("near a null pointer");
    } else if (b != nullptr && q < b->at + b->bytes) {
        if (b->used == 0) {
            add("in a block of global memory that was given back");
        } else {
            add("byte %llu of a block of global memory with %llu in use", q - b->at, b->used);
        }
    } else if (std::min(behind, ahead) > 1 << 20) {
        add("which is no memory of the GPU");
    } else if (behind < ahead) {
        add("%llu bytes behind the end of a block of global memory of %llu", behind, b->bytes);
    } else {
        add("%llu bytes before a block of global memory of %llu", ahead, after->used);
    }
    leave();
}

void global_access(const void* p, u64 bytes, Kind kind, const void* pc) {
    Block* b = block_of((u64)p);
    if (b == nullptr || (u64)p + bytes > b->at + b->used) fail_outside(p, bytes, kind, pc);
    touch_global(*b, (u64)p, bytes, kind, pc);
}

// ---- every access

u8* stacks;      // slots of GUARD_BYTES that may not be touched, then STACK_BYTES
u8* own_stack;   // of the current thread
const u8* arguments;
enum { PATIENCE = 1 << 14 };
int patience;    // accesses until another fibre has its turn, as this one may wait for it
void yield_turn();

void access(const void* p, u64 bytes, bool aligned, Kind kind, const void* pc) {
    const u8* q = (const u8*)p;
    if ((u64)(q - own_stack) < STACK_BYTES) return;
    if (--patience < 0) yield_turn();
    if (aligned && ((u64)q & (bytes - 1)) != 0) fail(pc, "%s %llu bytes at %p, which is not aligned to them", DOES[kind], bytes, p);
    if (last_block != nullptr && (u64)q - last_block->at < last_block->used && (u64)q + bytes <= last_block->at + last_block->used) {
        touch_global(*last_block, (u64)q, bytes, kind, pc);
        return;
    }
    if ((u64)(q - dynamic_memory) < DYNAMIC_ROOM) {
        u64 at = (u64)(q - dynamic_memory);
        if (at + bytes > dynamic_bytes) {
            fail(pc, "%s %llu bytes at offset %llu of dynamic shared memory, launched with %llu", DOES[kind], bytes, at, dynamic_bytes);
        }
        touch_shared(at, bytes, kind, pc);
        return;
    }
    if (const SharedArray* s = array_of(q)) {
        i64 at = q - s->at;
        if (at < 0 || (u64)at + bytes > s->bytes) {
            fail(pc, "%s %llu bytes at byte %lld of shared array %s, which has %llu", DOES[kind], bytes, at, s->name, s->bytes);
        }
        last_array = *s;
        touch_shared(s->cell * 4 + (u64)at, bytes, kind, pc);
        return;
    }
    if ((u64)(q - arguments) < entry->arguments) {
        if (kind != READ) fail(pc, "%s the arguments, which are read only", DOES[kind]);
        return;
    }
    Block* b = block_of((u64)q);
    if (b != nullptr && (u64)q + bytes <= b->at + b->used) {
        last_block = b;
        touch_global(*b, (u64)q, bytes, kind, pc);
        return;
    }
    if (kind == READ && (u64)q >= module_base && (u64)q < module_end) return;  // a table of constants
    if ((u64)(q - stacks) < (u64)SLOT_BYTES * MAX_THREADS) fail(pc, "%s a local variable of another thread", DOES[kind]);
    fail_outside(p, bytes, kind, pc);
}

// The same for whole words, with nothing to object and nothing to look up, which is what nearly all accesses are. False: it
// takes the long way.
template <int N> inline __attribute__((always_inline)) bool quick_global(u64 p, bool writes, u32 pc) {
    const Block* b = last_block;
    if (b == nullptr || p - b->at >= b->used || p + N > b->at + b->used || b->cells == nullptr) return false;
    GlobalCell* c = b->cells + (p - b->at) / 4;
    u32 stamp = now();
    for (int i = 0; i < N / 4; i++, c++) {
        if (c->write_stamp >= launch_start) return false;
        if (writes) {
            if (c->read_stamp >= launch_start) return false;
            c->write_stamp = stamp;
            c->write_pc = pc;
            c->writer = (u16)current;
            c->written = 15;
            c->by_atomic = false;
        } else {
            c->read_stamp = stamp;
            c->read_pc = pc;
            c->reader = (u16)current;
            c->read = 15;
        }
    }
    return true;
}
template <int N> inline __attribute__((always_inline)) bool quick_shared_read(u64 byte, u32 since, u32 pc) {
    u64 word = byte / 4;
    u32 stamp = now();
    for (int i = 0; i < N / 4; i++, word++) {
        Cell& c = cells[word];
        if (c.flags & (IN_FLIGHT | IN_PARTS) || c.stamp < since) return false;
        if (c.writer != current && !is_before(c.stamp, c.writer)) return false;
        Reader& own = readers[word * (u64)warp_stride + own_warp];
        if (c.readers >> own_warp & 1 && own.stamp == stamp) {
            if (own.lane != own_lane) own.lane = SEVERAL;
        } else {
            c.readers |= 1u << own_warp;
            own = {stamp, own_lane, pc};
        }
    }
    return true;
}

template <int N> inline __attribute__((always_inline)) void access_of(const void* p, bool writes, const void* pc) {
    u64 q = (u64)p;
    if (N >= 4 && q % N == 0 && --patience >= 0) {
        if (quick_global<N>(q, writes, offset_of(pc))) return;
        u64 at = q - (u64)dynamic_memory;
        if (!writes && at < dynamic_bytes && at + N <= dynamic_bytes && quick_shared_read<N>(at, block_start, offset_of(pc))) return;
        at = q - (u64)last_array.at;
        if (!writes && at < last_array.bytes && at + N <= last_array.bytes && quick_shared_read<N>(last_array.cell * 4 + at, block_start, offset_of(pc))) return;
    }
    access(p, N, true, writes ? WRITE : READ, pc);
}

}  // namespace
}  // namespace emulator

#define PC __builtin_return_address(0)
#define CALLED_BY_HOST(type) extern "C" __attribute__((visibility("default"))) type
#define CALLED_BY_KERNEL extern "C" __attribute__((visibility("default"))) void
#define ACCESSES(n)                                                                                                  \
    CALLED_BY_KERNEL __tsan_read##n(void* p) { emulator::access_of<n>(p, false, PC); }                               \
    CALLED_BY_KERNEL __tsan_write##n(void* p) { emulator::access_of<n>(p, true, PC); }                               \
    CALLED_BY_KERNEL __tsan_unaligned_read##n(void* p) { emulator::access(p, n, false, emulator::READ, PC); }        \
    CALLED_BY_KERNEL __tsan_unaligned_write##n(void* p) { emulator::access(p, n, false, emulator::WRITE, PC); }
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)
CALLED_BY_KERNEL __tsan_read_range(void* p, u64 bytes) { emulator::access(p, bytes, false, emulator::READ, PC); }
CALLED_BY_KERNEL __tsan_write_range(void* p, u64 bytes) { emulator::access(p, bytes, false, emulator::WRITE, PC); }
CALLED_BY_KERNEL __tsan_func_entry(void*) {}
CALLED_BY_KERNEL __tsan_func_exit() {}
CALLED_BY_KERNEL __tsan_init() {}
