// Every word of integers.cuh once, for IntegerWordsTest.
#include "integers.cuh"

struct Product {
    const i8 *left, *right;  // [16, 32] and [8, 32], a row a column of the product
    i32* out;                // [16, 8], added to
    i32 matrices;            // whether fragments are read as matrices of 16-bit elements
};

KERNEL(32, 1, product_of_bytes, Product) {
    SHARED(u8, x, 16 * 32);
    SHARED(u8, y, 16 * 32);
    int l = lane(), g = l / 4, t = l % 4;
    copy_async16(x + 16 * l, a.left + 16 * l, 16);
    for (int i = 0; i < 4; i++) copy_async4(y + 16 * l + 4 * i, a.right + (16 * l + 4 * i) % 256, l < 16 ? 4 : 0);
    copies_commit();
    copies_wait<0>();
    warp_barrier();
    u32 f[4], b[4];
    if (a.matrices) {
        load_matrices(f, x + l % 16 * 32 + l / 16 * 16);
        load_matrices(b, y + l % 8 * 32 + l / 8 * 16 % 32);
    } else {
        for (int i = 0; i < 4; i++) f[i] = *(const u32*)(x + (g + i % 2 * 8) * 32 + i / 2 * 16 + 4 * t);
        for (int i = 0; i < 2; i++) b[i] = *(const u32*)(y + g * 32 + i * 16 + 4 * t);
    }
    i32 d[4];
    for (int i = 0; i < 4; i++) d[i] = a.out[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
    multiply_add(d, f, b[0], b[1]);
    for (int i = 0; i < 4; i++) a.out[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = d[i];
}

struct Numbers { const u32* in; u32* out; i32 step; };

// Each number but every third, which is not read: copied, waited for by another lane, and masked. Of `step` bytes, to see what is refused.
KERNEL(32, 1, copied_numbers, Numbers) {
    SHARED(u32, room, 36);
    int l = lane();
    copy_async4((u8*)room + a.step * l, a.in + l, l % 3 == 2 ? 0 : 4);
    copies_commit();
    copies_wait<0>();
    warp_barrier();
    u32 x = room[31 - l];
    a.out[l] = x;
    a.out[32 + l] = masked_and_turned(x, 0xf0f0f0f0u, 0x80808080u);
}

// What the emulator refuses: a copy that was not waited for, and (step 0) one that another lane waited for.
KERNEL(32, 1, copied_too_early, Numbers) {
    SHARED(u32, room, 32);
    copy_async4(room + lane(), a.in + lane(), 4);
    copies_commit();
    if (a.step == 0) copies_wait<0>();
    a.out[lane()] = room[a.step == 0 ? 31 - lane() : lane()];
}
