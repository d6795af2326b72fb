// Whose every slot is, for SequencesTest.
#include "sequences.cuh"

struct Args {
    Sequences sequences;
    i32* out;  // [gridDim.x, 6]: whether it is a tile, its sequence, its place, rows of the sequence, of the other kind, and its first row
    i32 size, of_keys;
};

template <int SIZE> DEVICE bool find(const Args& a, Sequence& s, int& tile) {
    int slot = (int)blockIdx.x;
    return a.of_keys ? keys_at<SIZE>(a.sequences, slot, s, tile) : queries_at<SIZE>(a.sequences, slot, s, tile);
}

KERNEL(32, 1, slots, Args) {
    Sequence s;
    int tile;
    bool is = a.size == 64 ? find<64>(a, s, tile) : find<128>(a, s, tile);
    if (lane() != 0) return;
    const i32 found[6] = {is, s.number, tile, a.of_keys ? s.keys : s.queries, a.of_keys ? s.queries : s.keys, a.of_keys ? s.key : s.query};
    for (int i = 0; i < 6; i++) a.out[blockIdx.x * 6 + i] = found[i];
}
