// emulator_report.h: who runs, and how an error leaves the block with words that name it.
#pragma once

#include <stdarg.h>
#include <stdio.h>

namespace emulator {
namespace {

const Entry* entry;
int current;      // thread of the block, or -1
u64 module_base;  // of the library that the entry is in: places in it are told as [+0x...], and looked up by whoever prints
u64 module_end;

enum { MESSAGE_BYTES = 16 << 10 };
char message[MESSAGE_BYTES];
char doubt[MESSAGE_BYTES];  // an error too, if the block comes to its end without a better one

// Back to whoever launched; the fibres of the block are never entered again.
[[noreturn]] void leave();

void append(const char* format, va_list v) {
    size_t used = strlen(message);
    vsnprintf(message + used, MESSAGE_BYTES - used, format, v);
}

void add(const char* format, ...) __attribute__((format(printf, 1, 2)));
void add(const char* format, ...) {
    va_list v;
    va_start(v, format);
    append(format, v);
    va_end(v);
}

// Of an address that a call returns to: what the call's line is found by.
u32 offset_of(const void* pc) { return (u32)((u64)pc - 1 - module_base); }

void begin_message() {
    message[0] = 0;
    add("%s, block (%u, %u, %u)", entry->name, blockIdx.x, blockIdx.y, blockIdx.z);
    if (current >= 0) add(", thread %d (warp %d, lane %d)", current, current / WARP, current % WARP);
    add(": ");
}

// Ends the launch; `pc` is where the kernel called.
[[noreturn]] void fail(const void* pc, const char* format, ...) __attribute__((format(printf, 2, 3)));
void fail(const void* pc, const char* format, ...) {
    begin_message();
    va_list v;
    va_start(v, format);
    append(format, v);
    va_end(v);
    if (pc != nullptr) add(" [+0x%x]", offset_of(pc));
    leave();
}

}  // namespace
}  // namespace emulator
