// vision_masking.cu: prompt-guided vision token masking, one launch: cosines, exact top k, random masking, compaction.
//
// Maths    cosine[i] = greatest over rows j of v[i] . p[j] / (|v[i]| |p[j]|); importance = softmax(cosine / temperature)
//          top: the `keep` greatest of each group, of equals the lower numbers; kept: top, and what Philox spares
// Shapes   v [B, n, C], p [B, m, C] float32, bf16 or f16, any strides; cosine, importance f64 [B, n], top u8 [B, n],
//          kept i64 [B, n], counts i64 [B], dense; importance and top may be null
// Order    as VisionMasking.java states, in double: a lane takes 8 neighbours at a time, and a tree adds the lanes. Products
//          of two floats are exact in double, so that it is no matter whether they are fused with the addition; +, /, sqrt
//          are rounded correctly here as there. So the cosines have the same bits as on the host, and so does the choice.
// Threads  384, a block a dozen tokens, so that 1458 tokens are one round of 122 blocks on 132 multiprocessors. Phase 1: a token a
//          warp, the prompt's row in shared memory as doubles, 4 runs of 8 of the token on their way. Phase 2: the block that
//          finishes its sample last (a ticket, which it sets back) has the sample to itself.
// Top k    cosines become u64 keys of the same order, NaN greatest. From the highest bit on in which they differ, 8 bits at a
//          time, those that agree with what is known of the threshold are counted by their next bits (atomics in shared
//          memory), until all that are left of a count are wanted: 2 or 3 rounds for a thousand different cosines.
// Shared   dynamic: a chunk of the prompt, 32 KB at most; then in its place keys 8 n, flags n bytes. Static: 3 x 256 counts in
//          turn (one counts, one is cleared for the next, one may still be read), 2 x 12 sums in turn, 2 x 12 least and greatest
//          keys in turn, 32 doubles
// Barriers two a chunk; two of the ticket; least and greatest, which shows the keys too; the sum of exponentials; one a round; flags; places
// Where the time goes, by arithmetic (1458 x 4096 float32, importance wanted, cycles of 0.57 ns; nobody has measured this form): launch
//          2 us; phase 1 4.5 us, 24 MB at what the second-level cache gives (a third of that are conversions to double,
//          16 a cycle and multiprocessor, 1 a number instead of 2); ticket, a fence and an atomic, 1200 cycles; cosines 700; their
//          softmax 900; 3 rounds and what is before them 1300; places and the rest 600: 12 us. An H200 took 23 us for the form before:
//          8 to 16 tokens a multiprocessor, 2 conversions a number (2.5 us), a count and a barrier for each of some 25 bits
//          of the threshold (5.5), the softmax by way of global memory (3.5), Philox for each token alone (1).
#include "common.cuh"

enum { THREADS = 384, WARPS = THREADS / WARP, RUN = 8, SPAN = WARP * RUN, CHUNK = 4096 };
enum { OWN = 4 /* tokens of a thread that are looked at together */, BITS = 8, BINS = 1 << BITS, ROOMS = 3 };
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

// Neighbours from `from` on, 0 where there are none.
template <class T, bool WIDE, int COUNT> DEVICE void load_run(float (&x)[COUNT / 4][4], const T* row, i64 element, u32 from, u32 end) {
#pragma unroll
    for (int h = 0; h < COUNT / 4; h++) {
        u32 at = from + h * 4;
#pragma unroll
        for (int k = 0; k < 4; k++) x[h][k] = 0;
        if constexpr (WIDE) {
            if (at < end) load4(x[h], row + at);
        } else {
#pragma unroll
            for (int k = 0; k < 4; k++) {
                if (at + k < end) x[h][k] = to_float(row[(at + k) * element]);
            }
        }
    }
}
// Elements from `from` on of a prompt's row, up to CHUNK, as doubles, and 0 up to a whole span. Of a lane's run two neighbours lie
// together, beside those of the next lane.
template <class T, bool WIDE> DEVICE void stage(u8* y, const T* row, i64 element, u32 from, u32 end) {
    enum { GROUPS = (CHUNK / 4 + THREADS - 1) / THREADS };
    float x[GROUPS][1][4];
#pragma unroll
    for (int g = 0; g < GROUPS; g++) load_run<T, WIDE, 4>(x[g], row, element, from + (g * THREADS + threadIdx.x) * 4, end);
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        u32 k = (g * THREADS + threadIdx.x) * 4;
        if (k >= CHUNK || from + k / SPAN * SPAN >= end) break;
        u8* to = y + 8 * (k / SPAN * SPAN + k % RUN * WARP + k / RUN % WARP * 2);
#pragma unroll
        for (int pair = 0; pair < 2; pair++) {
            u64 low = as_bits((double)x[g][0][2 * pair]), high = as_bits((double)x[g][0][2 * pair + 1]);
            store16(to + pair * 16 * WARP, {(u32)low, (u32)(low >> 32), (u32)high, (u32)(high >> 32)});
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

// The warp's token; every warp of the block takes part, one that has no token with any other.
template <class T, bool WIDE> DEVICE double cosine(const Masking& a, u8* y, u32 sample, u32 token) {
    const T* v = (const T*)a.tokens.data + sample * a.tokens.sample + token * a.tokens.row;
    u64 best = key_of(as_double(0xfff0000000000000ull));
    const int AHEAD = WIDE ? 4 : 1;  // runs of a token on their way at once
    const u32 own = lane() * RUN;
    for (u32 j = 0; j < a.prompts; j++) {
        const T* p = (const T*)a.prompt.data + sample * a.prompt.sample + j * a.prompt.row;
        double dot = 0, vv = 0, pp = 0;
        float x[AHEAD][2][4];
#pragma unroll
        for (int r = 0; r < AHEAD; r++) load_run<T, WIDE, RUN>(x[r], v, a.tokens.element, r * SPAN + own, a.channels);
        for (u32 from = 0; from < a.channels; from += CHUNK) {
            if (j > 0 || from > 0) barrier();
            stage<T, WIDE>(y, p, a.prompt.element, from, a.channels);
            barrier();
            u32 end = least(from + CHUNK, a.channels);
#pragma unroll 1
            for (u32 first = from; first < end; first += AHEAD * SPAN) {
#pragma unroll
                for (int r = 0; r < AHEAD; r++) {
                    u32 at = first + r * SPAN;
                    if (at >= end) break;
                    const u8* f = y + 8 * (at - from) + 16 * lane();
#pragma unroll
                    for (int k = 0; k < RUN; k += 2) {
                        Word4 w = load16(f + 8 * k * WARP);
#pragma unroll
                        for (int i = 0; i < 2; i++) {
                            double e = x[r][(k + i) / 4][(k + i) % 4], g = as_double(i ? (u64)w.w << 32 | w.z : (u64)w.y << 32 | w.x);
                            dot += e * g;
                            vv += e * e;
                            pp += g * g;
                        }
                    }
                    load_run<T, WIDE, RUN>(x[r], v, a.tokens.element, at + AHEAD * SPAN + own, a.channels);
                }
            }
        }
        u64 key = key_of(warp_sum(dot) / (length(warp_sum(vv)) * length(warp_sum(pp))));
        best = key > best ? key : best;
    }
    return of_key(best);
}
template <class T> DEVICE double cosine_of(const Masking& a, u8* y, u32 sample, u32 token) {
    return a.wide ? cosine<T, true>(a, y, sample, token) : cosine<T, false>(a, y, sample, token);
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
// The least and the greatest of some keys. Behind a barrier, `room` [2][WARPS] is free again.
struct Range { u64 least, greatest; };
DEVICE Range range(const u64* keys, u32 count, u64* room) {
    Range r = {~0ull, 0};
    for (u32 i = threadIdx.x; i < count; i += THREADS) {
        r.least = min(r.least, keys[i]);
        r.greatest = max(r.greatest, keys[i]);
    }
    for (int m = WARP / 2; m > 0; m /= 2) {
        r.least = min(r.least, shuffle_xor(r.least, m));
        r.greatest = max(r.greatest, shuffle_xor(r.greatest, m));
    }
    if (lane() == 0) {
        room[warp()] = r.least;
        room[WARPS + warp()] = r.greatest;
    }
    barrier();
    for (int w = 0; w < WARPS; w++) {
        r.least = min(r.least, room[w]);
        r.greatest = max(r.greatest, room[WARPS + w]);
    }
    return r;
}
// How many of a bin are wanted where `want` are of all from the highest bin down to it; in every warp.
struct Bin { u32 digit, want, count; };
DEVICE Bin find_bin(const u32* bins, u32 want) {
    const u32 PER = BINS / WARP, base = (WARP - 1 - lane()) * PER;  // the first lane has the highest bins
    u32 counts[PER], all = 0;
#pragma unroll
    for (u32 k = 0; k < PER; k++) {
        counts[k] = bins[base + k];
        all += counts[k];
    }
    u32 upto = all;
    for (int by = 1; by < WARP; by *= 2) {
        u32 y = shuffle_up(upto, by);
        if (lane() >= by) upto += y;
    }
    u32 above = upto - all;
    bool here = above < want && want <= upto, found = false;
    Bin b = {0, 0, 0};
#pragma unroll
    for (int k = PER - 1; k >= 0; k--) {
        if (!found && above + counts[k] >= want) {
            found = true;
            b = {base + k, want - above, counts[k]};
        }
        above += counts[k];
    }
    int from = lowest_bit(votes(here));
    return {shuffle(b.digit, from), shuffle(b.want, from), shuffle(b.count, from)};
}
DEVICE int bits_of(u64 x) { return x >> 32 ? 64 - leading_zeros((u32)(x >> 32)) : 32 - leading_zeros((u32)x); }
// Marks the `keep` greatest keys. bins [ROOMS][BINS], of which the one whose turn it is has been set to 0.
DEVICE void mark_top(u8* flags, const u64* keys, u32 count, u32 keep, Range r, u32* bins, int& turn, Room& room) {
    int shift = bits_of(r.least ^ r.greatest);  // bits that are not yet known of the threshold
    u64 known = shift == 64 ? 0 : r.greatest >> shift;
    u32 want = keep, have = count;
    while (0 < want && want < have && shift > 0) {
        int bits = min(shift, (int)BITS), next = turn == ROOMS - 1 ? 0 : turn + 1;
        shift -= bits;
        u32* counts = bins + turn * BINS;
        for (u32 i = threadIdx.x; i < BINS; i += THREADS) bins[next * BINS + i] = 0;
        for (u32 i = threadIdx.x; i < count; i += THREADS) {
            u64 upper = keys[i] >> shift;
            if (upper >> bits == known) atomic_add(&counts[(u32)upper & ((1u << bits) - 1)], 1u);
        }
        barrier();
        Bin b = find_bin(counts, want);
        known = known << bits | b.digit;
        want = b.want;
        have = b.count;
        turn = next;
    }
    u64 threshold = shift == 64 ? 0 : known << shift;
    if (want == 0 || want == have) {
        for (u32 i = threadIdx.x; i < count; i += THREADS) flags[i] = want > 0 && keys[i] >= threshold;
        return;
    }
    // Of those equal to the threshold, the first ones.
    u32 per = (count + THREADS - 1) / THREADS, first = least(threadIdx.x * per, count), end = least(first + per, count);
    u32 equal = 0, all;
    for (u32 i = first; i < end; i++) equal += keys[i] == threshold;
    u32 rank = sum_before(equal, room, all);
    for (u32 i = first; i < end; i++) flags[i] = keys[i] > threshold || (keys[i] == threshold && rank++ < want);
}
// Which of the OWN tokens from a multiple of 4 on are masked, a bit each.
DEVICE u32 masked(const Masking& a, u32 number, u32 token) {
    u32 word[4] = {a.step, number, a.site, token / 4}, bits = 0;
    philox(a.seed, word);
#pragma unroll
    for (int k = 0; k < OWN; k++) bits |= (u32)(word[k] >> 8 < a.threshold) << k;
    return bits;
}
// A thread's first OWN exponentials stay in registers, those of more tokens are where they will be wanted.
DEVICE void write_importance(const Masking& a, double* importance, const u64* keys, double greatest, double* sums) {
    double own[OWN], sum = 0, by = 1 / a.temperature;
#pragma unroll
    for (int k = 0; k < OWN; k++) {
        u32 i = k * THREADS + threadIdx.x;
        own[k] = i < a.n ? exp((of_key(keys[i]) - greatest) * by) : 0;
        sum += own[k];
    }
#pragma unroll 1
    for (u32 i = OWN * THREADS + threadIdx.x; i < a.n; i += THREADS) {
        importance[i] = exp((of_key(keys[i]) - greatest) * by);
        sum += importance[i];
    }
    double share = 1 / block_sum(sum, sums);
#pragma unroll
    for (int k = 0; k < OWN; k++) {
        u32 i = k * THREADS + threadIdx.x;
        if (i < a.n) importance[i] = own[k] * share;
    }
    for (u32 i = OWN * THREADS + threadIdx.x; i < a.n; i += THREADS) importance[i] *= share;
}

KERNEL(THREADS, 1, vision_masking, Masking) {
    DYNAMIC_SHARED(shared);
    SHARED(u32, bins, ROOMS * BINS);
    SHARED(u32, counts, 2 * WARPS);
    SHARED(u64, ranges, 4 * WARPS);
    SHARED(double, sums, WARP);
    SHARED(u32, ticket, 1);
    const u32 sample = blockIdx.y, token = blockIdx.x * WARPS + warp(), some = least(token, a.n - 1);
    const u32 number = (u32)a.samples[sample * a.samples_step];
    double* cosines = a.cosine + (u64)sample * a.n;
    double c = a.dtype == FLOAT ? cosine_of<float>(a, shared, sample, some)
        : a.dtype == BFLOAT16   ? cosine_of<bf16>(a, shared, sample, some)
                                : cosine_of<f16>(a, shared, sample, some);
    if (token < a.n && lane() == 0) cosines[token] = c;
    barrier();
    if (threadIdx.x == 0) {
        fence();
        ticket[0] = atomic_add(&a.tickets[sample], 1u);
        fence();
    }
    u32 hidden = masked(a, number, threadIdx.x * OWN);  // while the ticket comes
    for (u32 i = threadIdx.x; i < BINS; i += THREADS) bins[i] = 0;
    barrier();
    if (ticket[0] + 1 != gridDim.x) return;
    if (threadIdx.x == 0) a.tickets[sample] = 0;

    u64* keys = (u64*)shared;
    u8* flags = shared + a.n * sizeof(u64);
    for (u32 from = 0; from < a.n; from += OWN * THREADS) {
        double x[OWN];
#pragma unroll
        for (int k = 0; k < OWN; k++) {
            u32 i = from + k * THREADS + threadIdx.x;
            x[k] = i < a.n ? cosines[i] : 0;
        }
#pragma unroll
        for (int k = 0; k < OWN; k++) {
            u32 i = from + k * THREADS + threadIdx.x;
            if (i < a.n) keys[i] = key_of(x[k]);
        }
    }
    Range whole = range(keys, a.n, ranges);
    if (a.importance) write_importance(a, a.importance + (u64)sample * a.n, keys, of_key(whole.greatest), sums);
    Room room = {counts, 0};
    int turn = 0;
    const u32 group = a.n / a.groups;
    for (u32 g = 0; g < a.groups; g++) {
        const u64* own = keys + g * group;
        Range r = a.groups == 1 ? whole : range(own, group, ranges + (g + 1) % 2 * 2 * WARPS);
        mark_top(flags + g * group, own, group, a.keep, r, bins, turn, room);
    }
    barrier();
    i64* kept = a.kept + (u64)sample * a.n;
    u32 before = 0, all;
    for (u32 from = 0; from < a.n; from += OWN * THREADS, before += all) {
        u32 first = from + threadIdx.x * OWN, bits = 0;
        if (from > 0) hidden = masked(a, number, first);
#pragma unroll
        for (int k = 0; k < OWN; k++) {
            u32 i = first + k;
            if (i >= a.n) continue;
            bool top = flags[i] != 0;
            if (a.top) a.top[(u64)sample * a.n + i] = top;
            bits |= (u32)(top || !(hidden >> k & 1)) << k;
        }
        u32 place = before + sum_before((u32)count_bits(bits), room, all);
#pragma unroll
        for (int k = 0; k < OWN; k++) {
            if (bits >> k & 1) kept[place++] = first + k;
        }
    }
    for (u32 i = before + threadIdx.x; i < a.n; i += THREADS) kept[i] = -1;
    if (threadIdx.x == 0) a.counts[sample] = before;
}
