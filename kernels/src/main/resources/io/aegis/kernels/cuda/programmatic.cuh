// programmatic.cuh: kernels whose blocks may begin while the kernel before them in the stream ends (PTX ISA, griddepcontrol; compute capability 9.0
// and newer). Compiled with PROGRAMMATIC they are launched so; without it, and in the emulator, these words mean nothing.
//
// The first statement of every kernel of a file that has this header is wait_for_previous(...), in every thread: nothing is read or
// written before all that was queued earlier is done and seen. A kernel that has ended has therefore waited, and whoever waits for it has
// waited for all before it. ProgrammaticTest reads the sources for it.
//
// Its PTX is here and not in common.cuh because including this file is a promise, which ProgrammaticTest holds its kernels to.
#pragma once
#include "common.cuh"

#if defined(PROGRAMMATIC) && !defined(AEGIS_EMULATOR)
DEVICE void wait_for_previous() {
    asm volatile("griddepcontrol.wait;" ::: "memory");
    // The next kernel's blocks may take the places that are free.
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}
// A line of memory is fetched into the second-level cache meanwhile, which sees every later write: it may be anything.
DEVICE void wait_for_previous(const void* soon) {
    asm volatile("prefetch.global.L2 [%0];" ::"l"(soon));
    wait_for_previous();
}
#else
DEVICE void wait_for_previous() {}
DEVICE void wait_for_previous(const void*) {}
#endif
