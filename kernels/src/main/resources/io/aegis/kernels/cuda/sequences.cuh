// sequences.cuh: sequences of several lengths one behind the other in the same rows, for the kernels of attention (PACKED).
//
// Sequence s has rows offsets[s] to offsets[s + 1]. Rows from the last offset on count as one more sequence: to queries it has no keys, to
// keys no queries, and so zeros come out.
//
// Tiles of SIZE rows, which are one sequence's each, have numbers: slots, those of s from offsets[s] / SIZE + s on. The next sequence's begin
// behind them, for
//     floor((o + n) / SIZE) + 1 - floor(o / SIZE) >= ceil(n / SIZE)
// so a grid of rows / SIZE + count + 1 blocks has one for each tile and at most one a sequence to spare, the host need not know the lengths, and
// whose a slot is is found by halving. What lies by tiles (lse' and delta, SIZE of 128) has its places by the same numbers.
#pragma once
#include "common.cuh"

struct Sequences {
    const i64 *queries, *keys;  // offsets, [count + 1]
    i32 count, query_rows, key_rows, unused;
};

// Of one of them, the first rows and how many there are.
struct Sequence {
    int number;
    int query, queries;
    int key, keys;
};

template <int SIZE> DEVICE int first_slot(const i64* offsets, int s) { return (int)offsets[s] / SIZE + s; }

// Whose a slot is: the last sequence whose first slot is not behind it.
template <int SIZE> DEVICE int owner(const i64* offsets, int count, int slot) {
    int low = 0, high = count;
#pragma unroll 1
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (first_slot<SIZE>(offsets, middle) <= slot) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

// The sequence whose tile of queries a slot is, and which of them; false where it is none.
template <int SIZE> DEVICE bool queries_at(const Sequences& of, int slot, Sequence& s, int& tile) {
    int n = s.number = owner<SIZE>(of.queries, of.count, slot);
    bool any = n < of.count;
    s.query = (int)of.queries[n];
    s.queries = (any ? (int)of.queries[n + 1] : of.query_rows) - s.query;
    s.key = (int)of.keys[n];
    s.keys = any ? (int)of.keys[n + 1] - s.key : 0;
    tile = slot - first_slot<SIZE>(of.queries, n);
    return tile * SIZE < s.queries;
}
// The same of a tile of keys.
template <int SIZE> DEVICE bool keys_at(const Sequences& of, int slot, Sequence& s, int& tile) {
    int n = s.number = owner<SIZE>(of.keys, of.count, slot);
    bool any = n < of.count;
    s.query = (int)of.queries[n];
    s.queries = any ? (int)of.queries[n + 1] - s.query : 0;
    s.key = (int)of.keys[n];
    s.keys = (any ? (int)of.keys[n + 1] : of.key_rows) - s.key;
    tile = slot - first_slot<SIZE>(of.keys, n);
    return tile * SIZE < s.keys;
}

// The arguments of a kernel, of heads of one batch with n queries and m keys in all, and whose they are.
template <class Args> struct Packed {
    Args all;
    Sequences sequences;
    // How many blocks a head has, of SIZE rows each.
    template <int SIZE> DEVICE int query_slots() const { return all.n / SIZE + sequences.count + 1; }
    template <int SIZE> DEVICE int key_slots() const { return all.m / SIZE + sequences.count + 1; }
};

// What a call of one sequence alone would be given, of a kernel forward,
template <class Args> DEVICE Args forward_of(const Packed<Args>& packed, const Sequence& s) {
    Args a = packed.all;
    a.n = s.queries;
    a.m = s.keys;
    move(a.q, s.query);
    move(a.k, s.key);
    move(a.v, s.key);
    move(a.out, s.query);
    if (a.lse) a.lse += s.query * a.lse_row;
    return a;
}
// and of one backward.
template <class Args> DEVICE Args backward_of(const Packed<Args>& packed, const Sequence& s) {
    Args a = packed.all;
    a.n = s.queries;
    a.m = s.keys;
    move(a.q, s.query);
    move(a.dout, s.query);
    move(a.dq, s.query);
    move(a.k, s.key);
    move(a.v, s.key);
    move(a.dk, s.key);
    move(a.dv, s.key);
    int row = first_slot<128>(packed.sequences.queries, s.number) * 128;
    a.scaled += row;
    a.delta += row;
    return a;
}
