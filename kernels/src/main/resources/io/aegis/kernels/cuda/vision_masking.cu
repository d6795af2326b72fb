// vision_masking.cu: prompt-guided vision token masking, one launch: cosines, exact top k, random masking, compaction.
//
// Maths    cosine[i] = greatest over rows j of v[i] . p[j] / (|v[i]| |p[j]|); importance = softmax(cosine / temperature)
//          top: the `keep` greatest of each group, of equals the lower numbers; kept: top, and what Philox spares
// Shapes   v [B, n, C], p [B, m, C] float32, bf16 or f16, any strides; cosine, importance f64 [B, n], top u8 [B, n],
//          kept i64 [B, n], counts i64 [B], dense; importance and top may be null
// Order    as VisionMasking.java states, in double: a lane takes 8 neighbours at a time, and a tree adds the lanes. Products
//          of two floats are exact in double, so that it is no matter whether they are fused with the addition; +, /, sqrt
//          are rounded correctly here as there. So the cosines have the same bits as on the host, and so does the choice.
// Threads  256; phase 1: a token a warp. Phase 2: the block that finishes its sample last (a ticket, which it sets back) has
//          the sample to itself; a thread owns PER = ceil(n / 256) tokens in a row.
// Top k    cosines become u64 keys of the same order, NaN greatest. From the highest bit down, a bit of the threshold is set
//          if still `keep` keys reach it, until exactly so many do: some 25 counts for a thousand different cosines.
// Shared   dynamic: keys 8 n, flags n bytes; static: 2 x 8 counts in turn, 32 doubles
// Barriers one a count, a prefix sum, a reduction; after keys and flags are written
#include "common.cuh"

enum { THREADS = 256, WARPS = THREADS / WARP, RUN = 8 };
// Dtypes of tokens and prompt.
enum { FLOAT, BFLOAT16, HALF };

struct Vectors {
    const u8* data;
    i64 sample, row, element; // distances, in elements
};
struct Masking {
    Vectors tokens, prompt;
    const i64* samples;
    i64 samples_step;
    double *cosine, *importance;
    u8* top;
    i64 *kept, *counts;
    u32* tickets; // [B], all 0
    u64 seed;
    double temperature;
    u32 n, channels, prompts, groups, keep, threshold, step, site;
    i32 dtype, wide; // wide: runs of 8 lie side by side, aligned, and none is cut short
};

// ---- phase 1: cosines ----------------------------------------------------------------------------------------------

template <class T, bool WIDE> DEVICE void load_run(float (&x)[2][4], const T* row, i64 element, u32 from, u32 end) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
        u32 at = from + h * 4;
        if constexpr (WIDE) {
            load4(x[h], row + at);
        } else {
#pragma unroll
            for (int k = 0; k < 4; k++) x[h][k] = at + k < end ? to_float(row[(at + k) * element]) : 0.f;
        }
    }
}
DEVICE double length(double squares) {
    double x = sqrt(squares);
    return x < 1e-6 ? 1e-6 : x;
}
// An order of integers that is Double.compare's: -infinity, ..., -0, 0, ..., infinity, NaN.
DEVICE u64 key_of(double x) {
    u64 bits = x != x ? 0x7ff8000000000000ull : as_bits(x);
    return bits >> 63 ? ~bits : bits | 1ull << 63;
}
DEVICE double of_key(u64 key) { return as_double(key >> 63 ? key & ~(1ull << 63) : ~key); }

template <class T, bool WIDE> DEVICE double cosine(const Masking& a, u32 sample, u32 token) {
    const int AHEAD = WIDE ? 4 : 1; // runs of a token on their way at once: the prompt's come from the first-level cache
    const T* v = (const T*)a.tokens.data + sample * a.tokens.sample + token * a.tokens.row;
    u64 best = key_of(as_double(0xfff0000000000000ull));
    for (u32 j = 0; j < a.prompts; j++) {
        const T* p = (const T*)a.prompt.data + sample * a.prompt.sample + j * a.prompt.row;
        double dot = 0, vv = 0, pp = 0;
        for (u32 first = lane() * RUN; first < a.channels; first += AHEAD * WARP * RUN) {
            float x[AHEAD][2][4], y[2][4];
#pragma unroll
            for (int r = 0; r < AHEAD; r++) {
                u32 from = first + r * WARP * RUN;
                if (from < a.channels) load_run<T, WIDE>(x[r], v, a.tokens.element, from, a.channels);
            }
#pragma unroll
            for (int r = 0; r < AHEAD; r++) {
                u32 from = first + r * WARP * RUN;
                if (from >= a.channels) continue;
                load_run<T, WIDE>(y, p, a.prompt.element, from, a.channels);
#pragma unroll
                for (int k = 0; k < RUN; k++) {
                    double e = x[r][k / 4][k % 4], f = y[k / 4][k % 4];
                    dot += e * f;
                    vv += e * e;
                    pp += f * f;
                }
            }
        }
        u64 key = key_of(warp_sum(dot) / (length(warp_sum(vv)) * length(warp_sum(pp))));
        best = key > best ? key : best;
    }
    return of_key(best);
}
template <class T> DEVICE double cosine_of(const Masking& a, u32 sample, u32 token) {
    return a.wide ? cosine<T, true>(a, sample, token) : cosine<T, false>(a, sample, token);
}

// ---- phase 2: one block a sample -----------------------------------------------------------------------------------

// Counts over the block; two rooms in turn, so that none is overwritten while it is read.
struct Room {
    u32* counts; // [2][WARPS]
    int turn;
};
// How much x is over the threads before this one; and in all.
DEVICE u32 sum_before(u32 x, Room& room, u32& all) {
    u32 here = x;
    for (int by = 1; by < WARP; by *= 2) {
        u32 y = shuffle_up(here, by);
        if (lane() >= by) here += y;
    }
    u32* counts = room.counts + room.turn * WARPS;
    room.turn ^= 1;
    if (lane() == WARP - 1) counts[warp()] = here;
    barrier();
    u32 before = here - x;
    all = 0;
    for (int w = 0; w < WARPS; w++) {
        before += w < warp() ? counts[w] : 0;
        all += counts[w];
    }
    return before;
}
// How many keys are at least `least`.
DEVICE u32 reaching(u64 least, const u64* keys, u32 count, Room& room) {
    u32 mine = 0, all;
    for (u32 i = threadIdx.x; i < count; i += THREADS) mine += keys[i] >= least;
    sum_before(mine, room, all);
    return all;
}
// Marks the `keep` greatest keys.
DEVICE void mark_top(u8* flags, const u64* keys, u32 count, u32 keep, Room& room) {
    u64 threshold = 0;
    for (int bit = 63; bit >= 0; bit--) {
        u64 higher = threshold | 1ull << bit;
        u32 reach = reaching(higher, keys, count, room);
        if (reach >= keep) threshold = higher;
        if (reach == keep) break;
    }
    // Of those equal to the threshold, the first ones.
    u32 spare = keep - reaching(threshold + 1, keys, count, room), all;
    u32 per = (count + THREADS - 1) / THREADS, first = least(threadIdx.x * per, count), end = least(first + per, count);
    u32 equal = 0;
    for (u32 i = first; i < end; i++) equal += keys[i] == threshold;
    u32 rank = sum_before(equal, room, all);
    for (u32 i = first; i < end; i++) flags[i] = keys[i] > threshold || (keys[i] == threshold && rank++ < spare);
}
DEVICE bool is_masked(const Masking& a, u32 sample, u32 token) {
    u32 word[4] = {a.step, (u32)a.samples[sample * a.samples_step], a.site, token / 4};
    philox(a.seed, word);
    u32 place = token % 4, bits = place == 0 ? word[0] : place == 1 ? word[1] : place == 2 ? word[2] : word[3];
    return bits >> 8 < a.threshold;
}
DEVICE void write_importance(const Masking& a, double* importance, const u64* keys, u64* tops, double* sums) {
    u64 top = 0;
    for (u32 i = threadIdx.x; i < a.n; i += THREADS) top = max(top, keys[i]);
    for (int m = WARP / 2; m > 0; m /= 2) top = max(top, shuffle_xor(top, m));
    if (lane() == 0) tops[warp()] = top;
    barrier();
    for (int w = 0; w < WARPS; w++) top = max(top, tops[w]);
    double greatest = of_key(top), sum = 0;
    for (u32 i = threadIdx.x; i < a.n; i += THREADS) {
        importance[i] = exp((of_key(keys[i]) - greatest) / a.temperature);
        sum += importance[i];
    }
    sum = block_sum(sum, sums);
    for (u32 i = threadIdx.x; i < a.n; i += THREADS) importance[i] /= sum;
}

KERNEL(THREADS, 2, vision_masking, Masking) {
    DYNAMIC_SHARED(shared);
    SHARED(u32, counts, 2 * WARPS);
    SHARED(u64, tops, WARPS);
    SHARED(double, sums, WARP);
    SHARED(u32, ticket, 1);
    const u32 sample = blockIdx.y, token = blockIdx.x * WARPS + warp();
    double* cosines = a.cosine + (u64)sample * a.n;
    if (token < a.n) {
        double c = a.dtype == FLOAT ? cosine_of<float>(a, sample, token)
            : a.dtype == BFLOAT16   ? cosine_of<bf16>(a, sample, token)
                                    : cosine_of<f16>(a, sample, token);
        if (lane() == 0) cosines[token] = c;
    }
    fence();
    barrier();
    if (threadIdx.x == 0) ticket[0] = atomic_add(&a.tickets[sample], 1u);
    barrier();
    if (ticket[0] + 1 != gridDim.x) return;
    fence();
    if (threadIdx.x == 0) a.tickets[sample] = 0;

    u64* keys = (u64*)shared;
    u8* flags = shared + a.n * sizeof(u64);
    for (u32 i = threadIdx.x; i < a.n; i += THREADS) keys[i] = key_of(cosines[i]);
    barrier();
    if (a.importance) write_importance(a, a.importance + (u64)sample * a.n, keys, tops, sums);
    Room room = {counts, 0};
    const u32 group = a.n / a.groups;
    for (u32 g = 0; g < a.groups; g++) mark_top(flags + g * group, keys + g * group, group, a.keep, room);
    barrier();
    u32 per = (a.n + THREADS - 1) / THREADS, first = least(threadIdx.x * per, a.n), end = least(first + per, a.n);
    u32 mine = 0, all;
    for (u32 i = first; i < end; i++) {
        bool top = flags[i] != 0;
        if (a.top) a.top[(u64)sample * a.n + i] = top;
        flags[i] = top || !is_masked(a, sample, i);
        mine += flags[i];
    }
    u32 place = sum_before(mine, room, all);
    i64* kept = a.kept + (u64)sample * a.n;
    for (u32 i = first; i < end; i++) {
        if (flags[i]) kept[place++] = i;
    }
    for (u32 i = all + threadIdx.x; i < a.n; i += THREADS) kept[i] = -1;
    if (threadIdx.x == 0) a.counts[sample] = all;
}
