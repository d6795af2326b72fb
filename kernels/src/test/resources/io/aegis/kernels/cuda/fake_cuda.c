// fake_cuda.c: a libcuda on the host's memory, for tests of what calls it.
//
// It does what the driver does, as late as the driver may: copies from pinned memory and kernels wait in their stream until
// somebody waits for it, so memory that is reused too early gives wrong bytes. It is as strict as the driver may be: no call
// without a current context, no handle that is not alive, no memory freed under queued work, no foreign memory touched.
// Any call can be told to fail, and what faults stays faulty. The declarations are NVIDIA's own where their header is there,
// so that the compiler compares the signatures.
//
// Kernels are told by name. Their one parameter is struct { float* p; long long n; float x; }:
//   add       p[i] += x for i < n        shared    the same, with 1024 bytes of static shared memory
//   fault     touches what it must not
//   endless   never ends: what asks is told so, and what waits is written down as a broken rule and refused
//   hang      waits at barriers that nobody completes, writes that down as kernels of a debug build do (watched.cuh), and traps
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __has_include(<cuda.h>)
#include <cuda.h>
#else
typedef int CUresult;
typedef int CUdevice;
typedef int CUdevice_attribute;
typedef int CUfunction_attribute;
typedef int CUstreamCaptureMode;
typedef unsigned long long CUdeviceptr;
typedef struct CUctx_st* CUcontext;
typedef struct CUstream_st* CUstream;
typedef struct CUevent_st* CUevent;
typedef struct CUmod_st* CUmodule;
typedef struct CUfunc_st* CUfunction;
typedef struct CUgraph_st* CUgraph;
typedef struct CUgraphExec_st* CUgraphExec;
typedef struct {
    int id;
    char pad[4];
    union { char pad[64]; int programmaticStreamSerializationAllowed; } value;
} CUlaunchAttribute;
typedef struct {
    unsigned int gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes;
    CUstream hStream;
    CUlaunchAttribute* attrs;
    unsigned int numAttrs;
} CUlaunchConfig;
#define cuDeviceTotalMem cuDeviceTotalMem_v2
#define cuDevicePrimaryCtxRelease cuDevicePrimaryCtxRelease_v2
#define cuMemGetInfo cuMemGetInfo_v2
#define cuMemAlloc cuMemAlloc_v2
#define cuMemFree cuMemFree_v2
#define cuMemcpyHtoDAsync cuMemcpyHtoDAsync_v2
#define cuMemcpyDtoHAsync cuMemcpyDtoHAsync_v2
#define cuMemcpyDtoDAsync cuMemcpyDtoDAsync_v2
#define cuStreamDestroy cuStreamDestroy_v2
#define cuEventDestroy cuEventDestroy_v2
#define cuStreamBeginCapture cuStreamBeginCapture_v2
#define cuModuleGetGlobal cuModuleGetGlobal_v2
#define cuGraphInstantiate cuGraphInstantiateWithFlags
#endif
// The first version of the name is what is bound; newer headers rename it.
#undef cuEventElapsedTime

enum { OK = 0, INVALID_VALUE = 1, OOM = 2, INVALID_CONTEXT = 201, INVALID_IMAGE = 200, INVALID_HANDLE = 400, NOT_FOUND = 500,
       ILLEGAL_ADDRESS = 700, LAUNCH_FAILED = 719, NOT_READY = 600, CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901 };
enum { CONTEXT, MEMORY, PINNED, STREAM, EVENT, MODULE, GRAPH, EXECUTABLE, KINDS };
enum { MOST = 4096, LOG = 1 << 20, TIME_STEP = 2 };

struct args { float* p; long long n; float x; };
struct kernel { const char* name; int shared; };
static const struct kernel KERNELS[] = {{"add", 0}, {"shared", 1024}, {"fault", 0}, {"hang", 0}, {"endless", 0}};
enum { NUMBER_OF_KERNELS = sizeof KERNELS / sizeof *KERNELS, USUAL_SHARED = 48 << 10 };
// Dynamic shared memory that was asked for, 0 for what every kernel may have together with its static arrays.
static int most_dynamic[NUMBER_OF_KERNELS];

// What waits in a stream, or is part of a graph.
struct op {
    enum { COPY, FILL, LAUNCH, RECORD, RUN } what;
    char* to;
    const char* from;
    size_t bytes;
    int value;
    const struct kernel* kernel;
    struct args args;
    struct thing* event;
    struct thing* graph;
    struct op* next;
};
struct thing {
    int kind, alive;
    char* memory;
    size_t bytes;
    struct op *first, *last;       // of a stream or a graph
    struct thing* capture;         // the graph that a stream records into
    int invalid;                   // a recording that cannot be ended well
    int time;                      // when an event happened
    int asked;                     // whether a stream's or an event's work was found unfinished once
};

// The variable aegis_waits of every module, and what it points to: struct Waits and struct Wait of watched.cuh.
struct wait { unsigned there, block[3], thread, named, number, unused; char barrier[128], place[64]; };
static struct { struct wait* at; unsigned* count; unsigned long long limit; } waits;
static struct thing variable = {MEMORY, 1, (char*)&waits, sizeof waits};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct thing things[MOST];
#ifndef FAKE_VERSION
#define FAKE_VERSION 13020
#endif
static int version = FAKE_VERSION;
// Of a process that resets nothing, as the program's own is: none, or what the compiler was told by -DFAKE_DEVICES=N -DFAKE_CAPABILITY=80.
#ifndef FAKE_DEVICES
#define FAKE_DEVICES 0
#endif
#ifndef FAKE_CAPABILITY
#define FAKE_CAPABILITY 90
#endif
static int count, retained, clock_now, sticky, broken_rules;
static int devices = FAKE_DEVICES, major = FAKE_CAPABILITY / 10, minor = FAKE_CAPABILITY % 10;
static size_t capacity = (size_t)1 << 26;
static struct thing context;
static __thread struct thing* current;
static struct { char name[64]; int after, code; } planned[16];
static int plans;
static char text[LOG];
static size_t text_used;

static void note(const char* format, ...) {
    va_list a;
    va_start(a, format);
    if (text_used < LOG - 512) text_used += (size_t)vsnprintf(text + text_used, 500, format, a);
    va_end(a);
}

// Every call: written down, then it fails when it was told to, or since something faulted before.
static int enter(const char* name) {
    note("%s\n", name);
    for (int i = 0; i < plans; i++)
        if (strcmp(planned[i].name, name) == 0 && planned[i].after > 0 && --planned[i].after == 0) {
            if (planned[i].code == ILLEGAL_ADDRESS || planned[i].code == LAUNCH_FAILED) sticky = planned[i].code;
            return planned[i].code;
        }
    return sticky;
}
#define BEGIN(name)                                        \
    pthread_mutex_lock(&lock);                             \
    int code = enter(name);                                \
    if (code) { pthread_mutex_unlock(&lock); return code; }
#define BEGIN_IN_CONTEXT(name) \
    BEGIN(name)                \
    if (current != &context || !retained) END(INVALID_CONTEXT)
#define END(status)                       \
    {                                     \
        int end_status = (int)(status);   \
        pthread_mutex_unlock(&lock);      \
        return end_status;                \
    }

static struct thing* make(int kind) {
    if (count == MOST) abort();
    struct thing* t = &things[count++];
    memset(t, 0, sizeof *t);
    t->kind = kind;
    t->alive = 1;
    return t;
}
static struct thing* is(void* handle, int kind) {
    struct thing* t = handle;
    return t >= things && t < things + count && t->alive && t->kind == kind ? t : NULL;
}
// The live memory of a kind that holds all of a range.
static struct thing* holder(int kind, const void* at, size_t bytes) {
    if (kind == MEMORY && at == &waits && bytes <= sizeof waits) return &variable;
    for (int i = 0; i < count; i++) {
        struct thing* t = &things[i];
        if (t->alive && t->kind == kind && (const char*)at >= t->memory && (const char*)at + bytes <= t->memory + t->bytes)
            return t;
    }
    return NULL;
}
static void empty(struct thing* t) {
    while (t->first) {
        struct op* o = t->first;
        t->first = o->next;
        free(o);
    }
    t->last = NULL;
}
static void append(struct thing* t, struct op o) {
    struct op* copy = malloc(sizeof o);
    *copy = o;
    copy->next = NULL;
    if (t->last) t->last->next = copy; else t->first = copy;
    t->last = copy;
}
static void queue(struct thing* stream, struct op o) { append(stream->capture ? stream->capture : stream, o); }

static int is_endless(const struct op* o) {
    if (o->what == LAUNCH && strcmp(o->kernel->name, "endless") == 0) return 1;
    if (o->what == RUN)
        for (const struct op* inner = o->graph->first; inner; inner = inner->next)
            if (is_endless(inner)) return 1;
    return 0;
}
// Whether some stream never gets to its end: what waits for all of them, as freeing does, never returns either.
static int hangs(void) {
    for (int i = 0; i < count; i++)
        if (things[i].alive && things[i].kind == STREAM)
            for (struct op* o = things[i].first; o; o = o->next)
                if (is_endless(o)) return 1;
    return 0;
}
static void write_wait(unsigned block, unsigned warp, int named, unsigned number, const char* barrier, const char* place) {
    struct wait* w = &waits.at[(*waits.count)++];
    *w = (struct wait){0, {block, 1, 2}, 32 * warp + 5, (unsigned)named, number, 0, "", ""};
    strcpy(w->barrier, barrier);
    strcpy(w->place, place);
    w->there = 1;
}
// Two waits of a block, the first of them of two warps, one lane of which says it twice; and another block.
static int hang(void) {
    if (!holder(PINNED, waits.at, 2048 * sizeof *waits.at) || !holder(MEMORY, waits.count, 4) || *waits.count) return ILLEGAL_ADDRESS;
    write_wait(3, 4, 0, 1, "bars.k_full[k.stage]", "attention_sm90a.cu:263");
    write_wait(3, 4, 0, 1, "bars.k_full[k.stage]", "attention_sm90a.cu:263");
    write_wait(9, 0, 0, 0, "bars.q_empty", "attention_sm90a.cu:120");
    write_wait(3, 8, 1, 2, "barrier_of(TURN + side, 256)", "attention_sm90a.cu:275");
    write_wait(3, 7, 0, 1, "bars.k_full[k.stage]", "attention_sm90a.cu:263");
    note("  limit %llu\n", waits.limit);
    return LAUNCH_FAILED;
}

static void execute(struct op* o) {
    if (sticky) return;
    switch (o->what) {
        case COPY:
        case FILL: {
            // One side may be the host's.
            int to_host = !holder(MEMORY, o->to, o->bytes), from_host = o->what == COPY && !holder(MEMORY, o->from, o->bytes);
            if ((o->what == FILL && to_host) || (to_host && from_host)) { sticky = ILLEGAL_ADDRESS; return; }
            if (o->what == COPY) memmove(o->to, o->from, o->bytes); else memset(o->to, o->value, o->bytes);
            return;
        }
        case LAUNCH:
            if (strcmp(o->kernel->name, "hang") == 0) {
                sticky = hang();
                return;
            }
            if (strcmp(o->kernel->name, "fault") == 0 || !holder(MEMORY, o->args.p, (size_t)o->args.n * sizeof(float))) {
                sticky = ILLEGAL_ADDRESS;
                return;
            }
            for (long long i = 0; i < o->args.n; i++) o->args.p[i] += o->args.x;
            return;
        case RECORD: o->event->time = clock_now += TIME_STEP; return;
        case RUN:
            for (struct op* inner = o->graph->first; inner; inner = inner->next) execute(inner);
            return;
    }
}
static int drain(struct thing* stream) {
    for (struct op* o = stream->first; o; o = o->next)
        if (is_endless(o)) {
            broken_rules++;
            note("  waits for ever\n");
            return NOT_READY;
        }
    for (struct op* o = stream->first; o; o = o->next) execute(o);
    empty(stream);
    return sticky;
}

// For the tests.
void fake_reset(void) {
    for (int i = 0; i < count; i++) {
        if (things[i].alive && (things[i].kind == MEMORY || things[i].kind == PINNED)) free(things[i].memory);
        empty(&things[i]);
    }
    count = retained = clock_now = sticky = broken_rules = plans = 0;
    devices = 1;
    major = 9;
    minor = 0;
    version = FAKE_VERSION;
    capacity = (size_t)1 << 26;
    memset(most_dynamic, 0, sizeof most_dynamic);
    memset(&waits, 0, sizeof waits);
    text_used = 0;
    text[0] = 0;
    current = NULL;
}
int fake_set(int number_of_devices, int capability, long long memory) {
    devices = number_of_devices;
    major = capability / 10;
    minor = capability % 10;
    capacity = (size_t)memory;
    return 0;
}
int fake_version(int v) {
    version = v;
    return 0;
}
int fake_fail(const char* name, int which, int code) {
    snprintf(planned[plans].name, sizeof planned[plans].name, "%s", name);
    planned[plans].after = which;
    planned[plans++].code = code;
    return 0;
}
int fake_live(int kind) {
    int n = kind == CONTEXT ? retained : 0;
    for (int i = 0; i < count; i++) n += things[i].alive && things[i].kind == kind;
    return n;
}
int fake_broken_rules(void) { return broken_rules; }
int fake_text(char* to, int room) { return snprintf(to, (size_t)room, "%s", text); }

CUresult cuGetErrorName(CUresult e, const char** s) {
    static const struct { int code; const char* name; } NAMES[] = {
        {2, "OUT_OF_MEMORY"}, {4, "DEINITIALIZED"}, {46, "DEVICE_UNAVAILABLE"}, {201, "INVALID_CONTEXT"},
        {214, "ECC_UNCORRECTABLE"}, {220, "NVLINK_UNCORRECTABLE"}, {226, "CONTAINED"}, {700, "ILLEGAL_ADDRESS"},
        {701, "LAUNCH_OUT_OF_RESOURCES"}, {702, "LAUNCH_TIMEOUT"}, {709, "CONTEXT_IS_DESTROYED"}, {710, "ASSERT"},
        {714, "HARDWARE_STACK_ERROR"}, {715, "ILLEGAL_INSTRUCTION"}, {716, "MISALIGNED_ADDRESS"}, {717, "INVALID_ADDRESS_SPACE"},
        {718, "INVALID_PC"}, {719, "LAUNCH_FAILED"}, {721, "TENSOR_MEMORY_LEAK"}, {999, "UNKNOWN"}};
    static __thread char text[64];
    const char* name = "OTHER";
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (NAMES[i].code == (int)e) name = NAMES[i].name;
    snprintf(text, sizeof text, "CUDA_ERROR_%s", name);
    *s = (int)e == 12345 ? NULL : text;
    return *s ? 0 : 1;
}
CUresult cuGetErrorString(CUresult e, const char** s) {
    *s = (int)e == OOM ? "out of memory" : (int)e == ILLEGAL_ADDRESS ? "an illegal memory access was encountered"
       : (int)e == LAUNCH_FAILED ? "unspecified launch failure" : "another error";
    if ((int)e == 12345) *s = NULL;
    return *s ? 0 : 1;
}
CUresult cuInit(unsigned int flags) { BEGIN("cuInit") END(flags ? INVALID_VALUE : OK) }
CUresult cuDriverGetVersion(int* v) { BEGIN("cuDriverGetVersion") *v = version; END(OK) }
CUresult cuDeviceGetCount(int* n) { BEGIN("cuDeviceGetCount") *n = devices; END(OK) }
CUresult cuDeviceGet(CUdevice* d, int ordinal) {
    BEGIN("cuDeviceGet")
    if (ordinal < 0 || ordinal >= devices) END(101)
    *d = 70 + ordinal;
    END(OK)
}
static int is_device(int d) { return d >= 70 && d < 70 + devices; }
CUresult cuDeviceGetName(char* name, int room, CUdevice d) {
    BEGIN("cuDeviceGetName")
    if (!is_device(d)) END(101)
    snprintf(name, (size_t)room, "Fake %d", d - 70);
    END(OK)
}
CUresult cuDeviceTotalMem(size_t* bytes, CUdevice d) {
    BEGIN("cuDeviceTotalMem")
    if (!is_device(d)) END(101)
    *bytes = capacity;
    END(OK)
}
CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute a, CUdevice d) {
    BEGIN("cuDeviceGetAttribute")
    if (!is_device(d)) END(101)
    switch ((int)a) {
        case 13: *value = 1980000; break;
        case 16: *value = 132; break;
        case 36: *value = 3201000; break;
        case 38: *value = 50 << 20; break;
        case 75: *value = major; break;
        case 76: *value = minor; break;
        case 97: *value = 227 << 10; break;
        default: END(INVALID_VALUE)
    }
    END(OK)
}
CUresult cuDevicePrimaryCtxRetain(CUcontext* c, CUdevice d) {
    BEGIN("cuDevicePrimaryCtxRetain")
    if (!is_device(d)) END(101)
    retained++;
    *c = (CUcontext)&context;
    END(OK)
}
CUresult cuDevicePrimaryCtxRelease(CUdevice d) {
    BEGIN("cuDevicePrimaryCtxRelease")
    broken_rules += hangs();
    if (!is_device(d) || retained == 0) END(INVALID_CONTEXT)
    retained--;
    END(OK)
}
CUresult cuCtxSetCurrent(CUcontext c) {
    BEGIN("cuCtxSetCurrent")
    if (c && (struct thing*)c != &context) END(INVALID_CONTEXT)
    current = (struct thing*)c;
    END(OK)
}
static size_t in_use(void) {
    size_t n = 0;
    for (int i = 0; i < count; i++) n += things[i].alive && things[i].kind == MEMORY ? things[i].bytes : 0;
    return n;
}
CUresult cuMemGetInfo(size_t* free_bytes, size_t* total) {
    BEGIN_IN_CONTEXT("cuMemGetInfo")
    *total = capacity;
    *free_bytes = capacity - in_use();
    END(OK)
}
static int take(int kind, void** to, size_t bytes) {
    if (bytes == 0) return INVALID_VALUE;
    if (kind == MEMORY && in_use() + bytes > capacity) return OOM;
    char* memory = aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (!memory) return OOM;
    memset(memory, 0xcd, bytes);
    struct thing* t = make(kind);
    t->memory = memory;
    t->bytes = bytes;
    *to = memory;
    return OK;
}
static int touches(const struct op* o, const struct thing* t) {
    const char* places[] = {o->to, o->from, (const char*)o->args.p};
    for (int i = 0; i < 3; i++)
        if (places[i] && places[i] >= t->memory && places[i] < t->memory + t->bytes) return 1;
    return o->graph == t;
}
// Whether something that is queued needs this memory or graph.
static int pending(const struct thing* t) {
    for (int i = 0; i < count; i++)
        if (things[i].alive && things[i].kind == STREAM)
            for (struct op* o = things[i].first; o; o = o->next)
                if (touches(o, t)) return 1;
    return 0;
}
static int give(int kind, void* memory) {
    broken_rules += hangs();
    for (int i = 0; i < count; i++)
        if (things[i].alive && things[i].kind == kind && things[i].memory == memory) {
            broken_rules += pending(&things[i]);
            things[i].alive = 0;
            free(memory);
            return OK;
        }
    broken_rules++;
    return INVALID_VALUE;
}
CUresult cuMemAlloc(CUdeviceptr* p, size_t bytes) {
    BEGIN_IN_CONTEXT("cuMemAlloc")
    void* memory = NULL;
    code = take(MEMORY, &memory, bytes);
    *p = (CUdeviceptr)memory;
    END(code)
}
CUresult cuMemFree(CUdeviceptr p) { BEGIN_IN_CONTEXT("cuMemFree") END(give(MEMORY, (void*)p)) }
CUresult cuMemHostAlloc(void** p, size_t bytes, unsigned int flags) {
    BEGIN_IN_CONTEXT("cuMemHostAlloc")
    if (flags) END(INVALID_VALUE)
    END(take(PINNED, p, bytes))
}
CUresult cuMemFreeHost(void* p) { BEGIN_IN_CONTEXT("cuMemFreeHost") END(give(PINNED, p)) }

// Copies. From pageable memory the driver copies at once into memory of its own.
CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void* from, size_t bytes, CUstream s) {
    BEGIN_IN_CONTEXT("cuMemcpyHtoDAsync")
    if (!is(s, STREAM)) END(INVALID_HANDLE)
    if (!holder(MEMORY, (void*)to, bytes)) END(INVALID_VALUE)
    if (holder(PINNED, from, bytes)) {
        queue(is(s, STREAM), (struct op){.what = COPY, .to = (char*)to, .from = from, .bytes = bytes});
        END(OK)
    }
    code = drain(is(s, STREAM));
    if (!code) memcpy((void*)to, from, bytes);
    END(code)
}
// Its target is pageable wherever it is used here: it returns when it has copied.
CUresult cuMemcpyDtoHAsync(void* to, CUdeviceptr from, size_t bytes, CUstream s) {
    BEGIN_IN_CONTEXT("cuMemcpyDtoHAsync")
    broken_rules += hangs();
    if (!is(s, STREAM)) END(INVALID_HANDLE)
    if (!holder(MEMORY, (void*)from, bytes)) END(INVALID_VALUE)
    queue(is(s, STREAM), (struct op){.what = COPY, .to = to, .from = (const char*)from, .bytes = bytes});
    END(OK)
}
CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream s) {
    BEGIN_IN_CONTEXT("cuMemcpyDtoDAsync")
    if (!is(s, STREAM)) END(INVALID_HANDLE)
    if (!holder(MEMORY, (void*)from, bytes) || !holder(MEMORY, (void*)to, bytes)) END(INVALID_VALUE)
    queue(is(s, STREAM), (struct op){.what = COPY, .to = (char*)to, .from = (const char*)from, .bytes = bytes});
    END(OK)
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream s) {
    BEGIN_IN_CONTEXT("cuMemsetD8Async")
    if (!is(s, STREAM)) END(INVALID_HANDLE)
    if (!holder(MEMORY, (void*)to, bytes)) END(INVALID_VALUE)
    queue(is(s, STREAM), (struct op){.what = FILL, .to = (char*)to, .value = value, .bytes = bytes});
    END(OK)
}
CUresult cuStreamCreate(CUstream* s, unsigned int flags) {
    BEGIN_IN_CONTEXT("cuStreamCreate")
    if (flags != 1) END(INVALID_VALUE)
    *s = (CUstream)make(STREAM);
    END(OK)
}
CUresult cuStreamDestroy(CUstream s) {
    BEGIN_IN_CONTEXT("cuStreamDestroy")
    if (!is(s, STREAM)) END(INVALID_HANDLE)
    drain((struct thing*)s);
    ((struct thing*)s)->alive = 0;
    END(OK)
}
CUresult cuStreamSynchronize(CUstream s) {
    BEGIN_IN_CONTEXT("cuStreamSynchronize")
    struct thing* t = is(s, STREAM);
    if (!t) END(INVALID_HANDLE)
    if (t->capture) { t->invalid = 1; END(CAPTURE_UNSUPPORTED) }
    END(drain(t))
}
// Unfinished when it is asked first, unless there is nothing to do; then as one that waits.
CUresult cuStreamQuery(CUstream s) {
    BEGIN_IN_CONTEXT("cuStreamQuery")
    struct thing* t = is(s, STREAM);
    if (!t) END(INVALID_HANDLE)
    if (t->capture) { t->invalid = 1; END(CAPTURE_UNSUPPORTED) }
    for (struct op* o = t->first; o; o = o->next)
        if (is_endless(o)) END(NOT_READY)
    t->asked = t->first && !t->asked;
    END(t->asked ? NOT_READY : drain(t))
}
CUresult cuEventCreate(CUevent* e, unsigned int flags) {
    BEGIN_IN_CONTEXT("cuEventCreate")
    if (flags) END(INVALID_VALUE)
    *e = (CUevent)make(EVENT);
    END(OK)
}
CUresult cuEventRecord(CUevent e, CUstream s) {
    BEGIN_IN_CONTEXT("cuEventRecord")
    if (!is(e, EVENT) || !is(s, STREAM)) END(INVALID_HANDLE)
    queue(is(s, STREAM), (struct op){.what = RECORD, .event = is(e, EVENT)});
    END(OK)
}
// Runs just as far as this event needs, or says whether there is anything to run, or that it never ends.
static int reach(struct thing* e, int only_ask) {
    for (int i = 0; i < count; i++) {
        struct thing* s = &things[i];
        if (!s->alive || s->kind != STREAM) continue;
        struct op* last = NULL;
        for (struct op* o = s->first; o; o = o->next)
            if (o->what == RECORD && o->event == e) last = o;
        for (struct op* o = s->first; last && o != last; o = o->next)
            if (is_endless(o)) return NOT_READY;
        if (last && only_ask) return NOT_READY;
        while (last) {
            struct op* o = s->first;
            execute(o);
            s->first = o->next;
            if (!s->first) s->last = NULL;
            if (o == last) last = NULL;
            free(o);
        }
    }
    return sticky;
}
CUresult cuEventSynchronize(CUevent e) {
    BEGIN_IN_CONTEXT("cuEventSynchronize")
    if (!is(e, EVENT)) END(INVALID_HANDLE)
    code = reach((struct thing*)e, 0);
    broken_rules += code == NOT_READY;
    END(code)
}
CUresult cuEventQuery(CUevent e) {
    BEGIN_IN_CONTEXT("cuEventQuery")
    struct thing* t = is(e, EVENT);
    if (!t) END(INVALID_HANDLE)
    t->asked = !t->asked && reach(t, 1) == NOT_READY;
    END(t->asked ? NOT_READY : reach(t, 0))
}
CUresult cuEventElapsedTime(float* ms, CUevent start, CUevent end) {
    BEGIN_IN_CONTEXT("cuEventElapsedTime")
    if (!is(start, EVENT) || !is(end, EVENT) || !is(start, EVENT)->time || !is(end, EVENT)->time) END(INVALID_HANDLE)
    *ms = (float)(is(end, EVENT)->time - is(start, EVENT)->time);
    END(OK)
}
CUresult cuEventDestroy(CUevent e) {
    BEGIN_IN_CONTEXT("cuEventDestroy")
    if (!is(e, EVENT)) END(INVALID_HANDLE)
    ((struct thing*)e)->alive = 0;
    END(OK)
}
CUresult cuModuleLoadData(CUmodule* m, const void* image) {
    BEGIN_IN_CONTEXT("cuModuleLoadData")
    if (memcmp(image, "\177ELF", 4) != 0) END(INVALID_IMAGE)
    *m = (CUmodule)make(MODULE);
    END(OK)
}
CUresult cuModuleUnload(CUmodule m) {
    BEGIN_IN_CONTEXT("cuModuleUnload")
    broken_rules += hangs();
    if (!is(m, MODULE)) END(INVALID_HANDLE)
    ((struct thing*)m)->alive = 0;
    END(OK)
}
CUresult cuModuleGetFunction(CUfunction* f, CUmodule m, const char* name) {
    BEGIN_IN_CONTEXT("cuModuleGetFunction")
    if (!is(m, MODULE)) END(INVALID_HANDLE)
    for (int i = 0; i < NUMBER_OF_KERNELS; i++)
        if (strcmp(KERNELS[i].name, name) == 0) {
            *f = (CUfunction)&KERNELS[i];
            END(OK)
        }
    END(NOT_FOUND)
}
CUresult cuModuleGetGlobal(CUdeviceptr* at, size_t* bytes, CUmodule m, const char* name) {
    BEGIN_IN_CONTEXT("cuModuleGetGlobal")
    if (!is(m, MODULE)) END(INVALID_HANDLE)
    if (strcmp(name, "aegis_waits") != 0) END(NOT_FOUND)
    *at = (CUdeviceptr)&waits;
    *bytes = sizeof waits;
    END(OK)
}
CUresult cuFuncGetAttribute(int* value, CUfunction_attribute a, CUfunction f) {
    BEGIN_IN_CONTEXT("cuFuncGetAttribute")
    if (a != 1) END(INVALID_VALUE)
    *value = ((const struct kernel*)f)->shared;
    END(OK)
}
CUresult cuFuncSetAttribute(CUfunction f, CUfunction_attribute a, int value) {
    BEGIN_IN_CONTEXT("cuFuncSetAttribute")
    note("  %s %d %d\n", ((const struct kernel*)f)->name, (int)a, value);
    if (a != 8 || value + ((const struct kernel*)f)->shared > 227 << 10) END(INVALID_VALUE)
    most_dynamic[(const struct kernel*)f - KERNELS] = value;
    END(OK)
}
#ifndef FAKE_OLD
CUresult cuFuncGetParamInfo(CUfunction f, size_t index, size_t* offset, size_t* bytes) {
    BEGIN_IN_CONTEXT("cuFuncGetParamInfo")
    if (!f || index) END(INVALID_VALUE)
    *offset = 0;
    *bytes = sizeof(struct args);
    END(OK)
}
#endif
CUresult cuLaunchKernel(CUfunction f, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx, unsigned int by,
                        unsigned int bz, unsigned int shared, CUstream s, void** parameters, void** extra) {
    BEGIN_IN_CONTEXT("cuLaunchKernel")
    if (!is(s, STREAM)) END(INVALID_HANDLE)
    const struct kernel* k = (const struct kernel*)f;
    note("  %s %u %u %u %u %u %u %u %s\n", k->name, gx, gy, gz, bx, by, bz, shared, extra ? "extra" : "no extra");
    if (!gx || !gy || !gz || gy > 65535 || gz > 65535) END(INVALID_VALUE)
    int most = most_dynamic[k - KERNELS] ? most_dynamic[k - KERNELS] : USUAL_SHARED - k->shared;
    if ((int)shared > most) END(INVALID_VALUE)
    struct op o = {.what = LAUNCH, .kernel = k};
    memcpy(&o.args, parameters[0], sizeof o.args);
    queue(is(s, STREAM), o);
    END(OK)
}
CUresult cuLaunchKernelEx(const CUlaunchConfig* c, CUfunction f, void** parameters, void** extra) {
    {
        BEGIN_IN_CONTEXT("cuLaunchKernelEx")
        if (c->numAttrs != 1 || c->attrs[0].id != 6) END(INVALID_VALUE)
        note("  programmatic %d\n", c->attrs[0].value.programmaticStreamSerializationAllowed);
        pthread_mutex_unlock(&lock);
    }
    return cuLaunchKernel(f, c->gridDimX, c->gridDimY, c->gridDimZ, c->blockDimX, c->blockDimY, c->blockDimZ, c->sharedMemBytes,
                          c->hStream, parameters, extra);
}
CUresult cuStreamBeginCapture(CUstream s, CUstreamCaptureMode mode) {
    BEGIN_IN_CONTEXT("cuStreamBeginCapture")
    struct thing* t = is(s, STREAM);
    if (!t || t->capture || mode != 2) END(INVALID_VALUE)
    t->capture = make(GRAPH);
    END(OK)
}
CUresult cuStreamEndCapture(CUstream s, CUgraph* g) {
    BEGIN_IN_CONTEXT("cuStreamEndCapture")
    struct thing* t = is(s, STREAM);
    *g = NULL;
    if (!t || !t->capture) END(INVALID_VALUE)
    if (t->invalid) {
        t->capture->alive = 0;
        t->capture = NULL;
        END(CAPTURE_INVALIDATED)
    }
    *g = (CUgraph)t->capture;
    t->capture = NULL;
    END(OK)
}
#ifndef FAKE_WITHOUT_GRAPHS
CUresult cuGraphInstantiate(CUgraphExec* x, CUgraph g, unsigned long long flags) {
    BEGIN_IN_CONTEXT("cuGraphInstantiate")
    if (!is(g, GRAPH) || flags) END(INVALID_VALUE)
    struct thing* t = make(EXECUTABLE);
    for (struct op* o = is(g, GRAPH)->first; o; o = o->next) append(t, *o);
    *x = (CUgraphExec)t;
    END(OK)
}
#endif
CUresult cuGraphDestroy(CUgraph g) {
    BEGIN_IN_CONTEXT("cuGraphDestroy")
    if (!is(g, GRAPH)) END(INVALID_HANDLE)
    ((struct thing*)g)->alive = 0;
    END(OK)
}
CUresult cuGraphLaunch(CUgraphExec x, CUstream s) {
    BEGIN_IN_CONTEXT("cuGraphLaunch")
    if (!is(x, EXECUTABLE) || !is(s, STREAM)) END(INVALID_HANDLE)
    queue(is(s, STREAM), (struct op){.what = RUN, .graph = is(x, EXECUTABLE)});
    END(OK)
}
CUresult cuGraphExecDestroy(CUgraphExec x) {
    BEGIN_IN_CONTEXT("cuGraphExecDestroy")
    broken_rules += hangs();
    if (!is(x, EXECUTABLE)) END(INVALID_HANDLE)
    broken_rules += pending((struct thing*)x);
    ((struct thing*)x)->alive = 0;
    END(OK)
}
#ifdef FAKE_CUBLAS
int cublasLtCreate(void** handle) {
    *handle = NULL;
    return 1;
}
#endif
