// emulator_async.h: what emulator_hopper.h declares: barriers that count bytes, tiles that come by themselves, products of a
// warpgroup.
#pragma once

#include "emulator_fibres.h"

#include <map>

namespace emulator {
namespace {

// What EmulatorEngine.java writes where a driver would write its own.
struct Map {
    u64 base;
    u32 size[4], box[4];
    u64 stride[3];  // bytes, of the dimensions behind the innermost
    u32 element;    // bytes
};

struct Load {
    u8* to;
    Map map;
    i32 at[4];
    const float* floats;  // or null: a tile
    int count;
    int bytes() const { return floats ? 4 * count : (int)(map.box[0] * map.box[1] * map.box[2] * map.box[3] * map.element); }
};

struct Barrier {
    int arrivals, left;
    u32 phase;           // phases that are over
    i64 expected, sent;  // bytes of this phase
    std::vector<Load> coming, come;
    u32 gathering[MAX_WARPS], gathered[MAX_WARPS];  // what those who arrived knew, in this phase and up to the last
    std::vector<int> waiting;
};
std::map<const void*, Barrier>& barriers = *new std::map<const void*, Barrier>;

struct GroupProduct {
    float* d[WARP];
    const u32* left[WARP];  // a in registers, or null,
    u32 given[WARP][4];     // and what they held
    u64 a, b;
    int count;  // of d, a lane; half of b's columns
    bool adds, a_across, b_across, bf16s;
    u32 group;
    const void* pc;
};
struct Groups {
    std::vector<GroupProduct> products;
    u32 open;
    bool begun;
};
Groups* const groups = new Groups[MAX_WARPS];

void forget_async() {
    barriers.clear();
    for (int w = 0; w < warp_count; w++) {
        groups[w].products.clear();
        groups[w].open = 0;
        groups[w].begun = false;
    }
    proxies = false;
    for (int t = 0; t < thread_count; t++) unfenced[t].clear();
}

Barrier& barrier_at(const void* p, const void* pc) {
    auto b = barriers.find(p);
    if (b == barriers.end()) fail(pc, "a barrier at %p that no bar_init has made", p);
    return b->second;
}

// Where an element of a tile lies: chunks of 16 bytes of a row of `width` exchanged by the 128 bytes that they are in.
u64 swizzled(u64 at, u64 width) { return at ^ (at >> 7 & (width / 16 - 1)) << 4; }

// A product or a tile is about to touch what threads may have written.
void need_fence(u64 byte, u64 bytes, Kind kind, const void* pc) {
    for (u64 word = byte / 4; word < (byte + bytes) / 4; word++) {
        bool parts = cells[word].flags & IN_PARTS;
        for (u64 i = 0; i < (parts ? 4 : 1); i++) {
            const Cell& c = parts ? cells[CELLS + 4 * word + i] : cells[word];
            if (!(c.flags & BY_THREAD) || c.stamp < block_start) continue;
            begin_message();
            add("%s ", DOES[kind]);
            add_shared(word, i);
            add(" [+0x%x], which thread %d wrote [+0x%x] with no proxy_fence() behind it", offset_of(pc), c.writer, c.pc);
            leave();
        }
    }
}

// One more has arrived, or come: is the phase over?
void settle(Barrier& b, const void* pc) {
    if (b.left > 0) return;
    if (b.sent > b.expected) fail(pc, "%lld bytes on their way to a barrier that expects %lld", b.sent, b.expected);
    if (b.sent < b.expected) return;
    b.come.insert(b.come.end(), b.coming.begin(), b.coming.end());
    b.coming.clear();
    for (int w = 0; w < warp_count; w++) b.gathered[w] = std::max(b.gathered[w], b.gathering[w]);
    b.phase++;
    b.left = b.arrivals;
    b.expected = b.sent = 0;
    for (int t : b.waiting) set_ready(t / WARP, warps[t / WARP].ready | 1u << t % WARP);
    for (int t : b.waiting) warps[t / WARP].at_bar &= ~(1u << t % WARP);
    b.waiting.clear();
}

// What the current warp did up to here lies before what a thread does that waits for this phase.
void gather(Barrier& b) {
    for (int w = 0; w < warp_count; w++) b.gathering[w] = std::max(b.gathering[w], known[own_warp][w]);
    b.gathering[own_warp] = known[own_warp][own_warp] = ++passed;
}

// Whether the phase of this parity is not over yet.
bool is_open(const Barrier& b, const void* p, u32 parity, const void* pc) {
    if (checking) touch_shared(shared_byte(p), 8, READ, pc);
    return (b.phase & 1) == (parity & 1);
}
void wait_for(Barrier& b, const void* pc) {
    Warp& w = warps[own_warp];
    b.waiting.push_back(current);
    w.at_bar |= 1u << own_lane;
    w.bar_pc = pc;
    set_ready((int)own_warp, w.ready & ~(1u << own_lane));
    next();
}

void perform(const Load& l) {
    u8* to = l.to;
    if (l.floats) {
        memcpy(to, l.floats, (size_t)l.bytes());
        if (checking) {
            for (int i = 0; i < l.count; i++) cells[shared_byte(to) / 4 + (u64)i].flags = 0;
        }
        return;
    }
    const Map& m = l.map;
    u64 chunks = m.box[0] * m.element / 16;
    for (u32 w = 0; w < m.box[3]; w++) {
        for (u32 z = 0; z < m.box[2]; z++) {
            for (u32 y = 0; y < m.box[1]; y++, to += chunks * 16) {
                u32 row[3] = {(u32)l.at[1] + y, (u32)l.at[2] + z, (u32)l.at[3] + w};
                bool inside = row[0] < m.size[1] && row[1] < m.size[2] && row[2] < m.size[3];
                const u8* from = (const u8*)m.base + row[0] * m.stride[0] + row[1] * m.stride[1] + row[2] * m.stride[2];
                for (u64 c = 0; c < chunks; c++) {
                    u8* place = dynamic_memory + swizzled((u64)(to - dynamic_memory) + c * 16, chunks * 16);
                    for (u32 e = 0; e < 16 / m.element; e++) {
                        u32 x = (u32)l.at[0] + (u32)(c * 16 / m.element) + e;
                        if (inside && x < m.size[0]) {
                            memcpy(place + e * m.element, from + (u64)x * m.element, m.element);
                        } else {
                            memset(place + e * m.element, 0, m.element);
                        }
                    }
                    if (checking) {
                        for (u64 word = shared_byte(place) / 4, i = 0; i < 4; i++) cells[word + i].flags = 0;
                    }
                }
            }
        }
    }
}

// The phase is over: what it brought is there, and what was done before it lies before what the current thread does.
void pass(Barrier& b) {
    for (const Load& l : b.come) perform(l);
    b.come.clear();
    for (int w = 0; w < warp_count; w++) {
        if (w != (int)own_warp) known[own_warp][w] = std::max(known[own_warp][w], b.gathered[w]);
    }
}

void begin(Barrier& b, const Load& l, const void* pc) {
    if (checking) {
        need_fence(shared_byte(l.to), (u64)l.bytes(), COPY, pc);
        touch_shared(shared_byte(l.to), (u64)l.bytes(), COPY, pc);
    }
    memset(l.to, POISON, (size_t)l.bytes());
    b.coming.push_back(l);
    b.sent += l.bytes();
    gather(b);  // what comes is the issuer's, and known to whoever waits for it
    settle(b, pc);
}

// Reads of a product: rows of a tile at 16 columns, or, where rows lie across K, 16 of them in slabs of as many elements as they hold.
u64 element_of(u64 descriptor, bool across, u64 i, u64 k) {
    u64 start = (descriptor & 0x3fff) << 4, slabs = (descriptor >> 16 & 0x3fff) << 4, eights = (descriptor >> 32 & 0x3fff) << 4;
    u64 exchange = descriptor >> 62, width = exchange == 1 ? 128 : exchange == 2 ? 64 : 32;
    u64 at = across ? start + i / (width / 2) * slabs + k / 8 * eights + k % 8 * width + i % (width / 2) * 2
                    : start + i / 8 * eights + i % 8 * width + k * 2;
    return swizzled(at, width);
}
void watch_operand(u64 descriptor, bool across, u64 from, u64 count, const void* pc) {
    if (!checking) return;
    u64 last = ~0ull;
    for (u64 i = 0; i < (across ? 16 : count); i++) {
        for (u64 j = 0; j < (across ? count : 16); j += 8) {
            u64 at = across ? element_of(descriptor, true, from + j, i) : element_of(descriptor, false, from + i, j);
            if (at + 16 > dynamic_bytes) fail(pc, "a product reads at offset %llu of dynamic shared memory, launched with %llu", at, dynamic_bytes);
            if (at != last) {
                touch_shared(at, 16, READ, pc);
                need_fence(at, 16, READ, pc);
            }
            last = at;
        }
    }
}
void watch(const GroupProduct& p, int warp) {
    if (!p.left[0]) watch_operand(p.a, p.a_across, 16 * (u64)(warp % 4), 16, p.pc);
    watch_operand(p.b, p.b_across, 0, 2 * (u64)p.count, p.pc);
}

float widened(u16 bits, bool bf16s) { return bf16s ? to_float(bf16{bits}) : to_float(f16{bits}); }
float read_half(u64 at, bool bf16s) {
    u16 bits;
    memcpy(&bits, dynamic_memory + at, 2);
    return widened(bits, bf16s);
}

void perform(const GroupProduct& p, int warp) {
    alignas(16) static float a[16][16], b[16][256], d[16][256];
    watch(p, warp);
    for (int l = 0; l < WARP && p.left[0]; l++) {
        if (memcmp(p.left[l], p.given[l], sizeof p.given[l]) != 0) fail(p.pc, "lane %d of warp %d has other values in a factor's registers, which this product still reads", l, warp);
        for (int i = 0; i < 8; i++) {
            a[l / 4 + 8 * (i >> 1 & 1)][2 * (l % 4) + 8 * (i >> 2) + (i & 1)] = widened((u16)(p.given[l][i / 2] >> 16 * (i & 1)), p.bf16s);
        }
    }
    for (u64 i = 0; i < 16 && !p.left[0]; i++) {
        for (u64 k = 0; k < 16; k++) a[i][k] = read_half(element_of(p.a, p.a_across, 16 * (u64)(warp % 4) + i, k), p.bf16s);
    }
    u64 columns = 2 * (u64)p.count;
    for (u64 k = 0; k < 16; k++) {
        for (u64 j = 0; j < columns; j++) b[k][j] = read_half(element_of(p.b, p.b_across, j, k), p.bf16s);
    }
    for (int l = 0; l < WARP; l++) {
        for (int j = 0; j < p.count; j++) {
            float& x = d[l / 4 + 8 * (j >> 1 & 1)][8 * (j / 4) + 2 * (l % 4) + (j & 1)];
            x = p.adds ? p.d[l][j] : 0.f;
        }
    }
    for (int i = 0; i < 16; i++) {
        for (int k = 0; k < 16; k++) {
            Four by = {a[i][k], a[i][k], a[i][k], a[i][k]};
            for (u64 j = 0; j < columns / 4; j++) ((Four*)d[i])[j] += by * ((const Four*)b[k])[j];
        }
    }
    for (int l = 0; l < WARP; l++) {
        for (int j = 0; j < p.count; j++) p.d[l][j] = d[l / 4 + 8 * (j >> 1 & 1)][8 * (j / 4) + 2 * (l % 4) + (j & 1)];
    }
}

void run_group_multiply(void** brought) {
    GroupProduct p = *(GroupProduct*)brought[0];
    for (int l = 0; l < WARP; l++) {
        const GroupProduct& o = *(const GroupProduct*)brought[l];
        if (o.a != p.a || o.b != p.b || o.adds != p.adds) fail(p.pc, "lanes of a warp multiply different tiles, or one adds and another does not");
        p.d[l] = o.d[0];
        p.left[l] = o.left[0];
        memcpy(p.given[l], o.given[0], sizeof p.given[l]);
    }
    int w = current / WARP;
    if (!groups[w].begun) fail(p.pc, "a product with no group_begin() since the last group");
    watch(p, w);
    p.group = groups[w].open;
    groups[w].products.push_back(p);
}
void run_group_begin(void**) { groups[current / WARP].begun = true; }
void run_group_commit(void**) {
    groups[current / WARP].open++;
    groups[current / WARP].begun = false;
}
void run_group_wait(void** brought) {
    int w = current / WARP;
    Groups& g = groups[w];
    u32 open = *(u32*)brought[0];
    size_t done = 0;
    while (done < g.products.size() && g.products[done].group + open < g.open) perform(g.products[done++], w);
    g.products.erase(g.products.begin(), g.products.begin() + (long)done);
}
const Verb GROUP_BEGIN = {"group_begin", run_group_begin, false};
const Verb GROUP_MULTIPLY = {"group_multiply", run_group_multiply, false};
const Verb GROUP_COMMIT = {"group_commit", run_group_commit, false};
const Verb GROUP_WAIT = {"group_wait", run_group_wait, false};

}  // namespace

void bar_init(void* p, int arrivals) {
    if (arrivals < 1) fail(PC, "bar_init with %d arrivals: at least 1", arrivals);
    if (!is_shared(p, 8)) fail(PC, "a barrier at %p, which is not shared memory", p);
    if (barriers.count(p) != 0) fail(PC, "bar_init of a barrier that is there already");
    if (checking) touch_shared(shared_byte(p), 8, WRITE, PC);
    proxies = true;
    Barrier& b = barriers[p];
    b = {};
    b.arrivals = b.left = arrivals;
}
void bar_arrive(void* p, int bytes) {
    Barrier& b = barrier_at(p, PC);
    if (checking) touch_shared(shared_byte(p), 8, READ, PC);
    if (b.left == 0) fail(PC, "one thread more arrives at a barrier than the %d of its phase", b.arrivals);
    gather(b);
    b.expected += bytes;
    b.left--;
    settle(b, PC);
    yield_turn();
}
void bar_wait(void* p, u32 parity) {
    Barrier& b = barrier_at(p, PC);
    if (is_open(b, p, parity, PC)) wait_for(b, PC);
    pass(b);
}
bool bar_wait_within(void* p, u32 parity) {
    Barrier& b = barrier_at(p, PC);
    const void* pc = PC;
    if (is_open(b, p, parity, pc) && !within_limit([&] { wait_for(b, pc); })) return false;
    pass(b);
    return true;
}

void tile_load(void* to, const void* map, void* p, const i32 (&at)[4]) {
    Barrier& b = barrier_at(p, PC);
    Load l = {(u8*)to, {}, {at[0], at[1], at[2], at[3]}, nullptr, 0};
    memcpy(&l.map, map, sizeof(Map));
    const Map& m = l.map;
    u32 width = m.box[0] * m.element;
    if (width != 128 && width != 64 && width != 32) fail(PC, "a tile's rows are 128, 64 or 32 bytes, not %u", width);
    if (!is_shared(to, (u64)l.bytes()) || (u8*)to < dynamic_memory || (u8*)to >= dynamic_memory + DYNAMIC_ROOM) {
        fail(PC, "a tile of %d bytes to %p, which is not dynamic shared memory", l.bytes(), to);
    }
    if ((u64)((u8*)to - dynamic_memory) % 1024 != 0) fail(PC, "a tile to offset %lld, which is no multiple of 1024", (i64)((u8*)to - dynamic_memory));
    if (checking) {
        for (u32 w = 0; w < m.box[3]; w++) {
            for (u32 z = 0; z < m.box[2]; z++) {
                for (u32 y = 0; y < m.box[1]; y++) {
                    u32 row[3] = {(u32)at[1] + y, (u32)at[2] + z, (u32)at[3] + w};
                    if (row[0] >= m.size[1] || row[1] >= m.size[2] || row[2] >= m.size[3] || (u32)at[0] >= m.size[0]) continue;
                    u64 from = m.base + row[0] * m.stride[0] + row[1] * m.stride[1] + row[2] * m.stride[2] + (u64)at[0] * m.element;
                    global_access((const void*)from, (u64)std::min(m.box[0], m.size[0] - (u32)at[0]) * m.element, READ, PC);
                }
            }
        }
    }
    begin(b, l, PC);
}

u64 tile_descriptor(const void* at, int slabs, int eights, int width) {
    if (width != 128 && width != 64 && width != 32) fail(PC, "a tile of rows of %d bytes: 128, 64 or 32", width);
    u64 offset = (u64)((const u8*)at - dynamic_memory);
    if (offset >= dynamic_bytes) fail(PC, "a descriptor of %p, which is not dynamic shared memory", at);
    return offset >> 4 | (u64)(slabs >> 4) << 16 | (u64)(eights >> 4) << 32 | (width == 128 ? 1ull : width == 64 ? 2ull : 3ull) << 62;
}
void group_begin() { together(GROUP_BEGIN, nullptr, PC); }
void group_multiply(float* d, int count, const u32* registers, u64 a, u64 b, bool adds, bool a_across, bool b_across, bool bf16s) {
    GroupProduct p = {{d}, {registers}, {}, a, b, count, adds, a_across, b_across, bf16s, 0, PC};
    if (registers) memcpy(p.given[0], registers, sizeof p.given[0]);
    together(GROUP_MULTIPLY, &p, PC);
}
void group_commit() { together(GROUP_COMMIT, nullptr, PC); }
void group_wait(int open) { together(GROUP_WAIT, &open, PC); }

void proxy_fence() {
    for (Cell* c : unfenced[current]) {
        if (c->writer == current) c->flags &= (u16)~BY_THREAD;
    }
    unfenced[current].clear();
}
void barrier_pass(int id, int threads) {
    if (id < 1 || id >= NAMED_BARRIERS || threads < WARP || threads % WARP != 0 || threads > thread_count) {
        fail(PC, "barrier_pass(%d, %d): an id of 1 to 15 and a multiple of 32 threads, at most the block's %d", id, threads, thread_count);
    }
    meet(BARRIER_PASS, {id, threads}, PC);
}

}  // namespace emulator
