// attention_any.cuh: heads of any floating type and layout, an element at a time.
#pragma once
#include "common.cuh"

enum { IS_F32, IS_BF16, IS_F16 };

// A view [B, H, rows, D], strides in elements.
struct AnyHeads {
    u8* data;
    i64 batch, head, row, column;
    i32 type, unused;
};
DEVICE i64 place(const AnyHeads& x, i64 b, i64 h, i64 row, i64 column) {
    return b * x.batch + h * x.head + row * x.row + column * x.column;
}
DEVICE float get(const AnyHeads& x, i64 at) {
    return x.type == IS_F32 ? ((const float*)x.data)[at] : x.type == IS_BF16 ? to_float(((const bf16*)x.data)[at]) : to_float(((const f16*)x.data)[at]);
}
DEVICE void put(const AnyHeads& x, i64 at, float value) {
    if (x.type == IS_F32) ((float*)x.data)[at] = value;
    else if (x.type == IS_BF16) from_float(value, ((bf16*)x.data)[at]);
    else from_float(value, ((f16*)x.data)[at]);
}
