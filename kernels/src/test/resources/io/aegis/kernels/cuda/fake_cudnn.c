// fake_cudnn.c: cuDNN's backend without any operation, for tests of what calls it.
//
// It knows descriptors and whether they are finished, and is as strict as the library: no attribute of a finished descriptor is set,
// none of an unfinished one is read, and nothing is used that is not finished or not alive. Every graph has CONFIGURATIONS
// configurations. A run writes down its stream, workspace and addresses. fake_fail(name, status) lets every call of a function fail.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef VERSION
#define VERSION 92400
#endif
#ifndef CONFIGURATIONS
#define CONFIGURATIONS 2
#endif

enum { BAD = 2000, TENSORS = 64, HEURISTICS = 4, PLAN = 5, PACK = 16, RESULTS = 202, WORKSPACE_SIZE = 402, DESCRIPTOR = 15 };

struct descriptor {
    int kind, finished;
    long long count, ids[TENSORS], addresses[TENSORS], workspace;
};

static int descriptors, handles, fail_status;
static long long streams, runs;
static char fail_name[64], message[256];
static struct descriptor last;

#define MAY_FAIL if (!strcmp(fail_name, __func__)) return snprintf(message, sizeof message, "as it was told"), fail_status
#define REQUIRE(x) if (!(x)) return snprintf(message, sizeof message, "%s", #x), BAD

int cudnnGetVersion(void) { return VERSION; }
int cudnnGetCudartVersion(void) { return 13000; }
void cudnnGetLastErrorString(char* to, long n) { snprintf(to, n, "%s", message); }

int cudnnCreate(void** h) {
    MAY_FAIL;
    handles++;
    *h = &handles;
    return 0;
}

int cudnnDestroy(void* h) {
    REQUIRE(h == &handles && handles == 1);
    handles--;
    return 0;
}

int cudnnSetStream(void* h, long long stream) {
    REQUIRE(h == &handles);
    streams = stream;
    return 0;
}

int cudnnBackendCreateDescriptor(int kind, struct descriptor** d) {
    MAY_FAIL;
    *d = calloc(1, sizeof **d);
    (*d)->kind = kind;
    descriptors++;
    return 0;
}

int cudnnBackendDestroyDescriptor(struct descriptor* d) {
    memset(d, 0xff, sizeof *d);
    free(d);
    descriptors--;
    return 0;
}

int cudnnBackendSetAttribute(struct descriptor* d, int name, int type, long long n, const void* values) {
    MAY_FAIL;
    REQUIRE(!d->finished);
    REQUIRE(n > 0);
    if (type == DESCRIPTOR)
        for (int i = 0; i < n; i++) REQUIRE(((struct descriptor**)values)[i]->finished == 1);
    if (d->kind == PACK) {
        REQUIRE(n <= TENSORS);
        if (name == 1000) memcpy(d->ids, values, n * 8), d->count = n;
        if (name == 1001) { REQUIRE(n == d->count); memcpy(d->addresses, values, n * 8); }
        if (name == 1003) memcpy(&d->workspace, values, 8);
    }
    return 0;
}

int cudnnBackendFinalize(struct descriptor* d) {
    REQUIRE(!d->finished);
    if (d->kind == PLAN) {
        MAY_FAIL;
    }
    d->finished = 1;
    return 0;
}

int cudnnBackendGetAttribute(struct descriptor* d, int name, int type, long long room, long long* n, void* values) {
    MAY_FAIL;
    REQUIRE(d->finished == 1);
    if (name == RESULTS) {
        REQUIRE(type == DESCRIPTOR && d->kind == HEURISTICS);
        *n = 2;
        if (room == 0) return 0;
        *n = CONFIGURATIONS;
        for (int i = 0; i < CONFIGURATIONS; i++) ((struct descriptor**)values)[i]->finished = 1;
        return 0;
    }
    REQUIRE(name == WORKSPACE_SIZE && room == 1);
    *n = 1;
    *(long long*)values = 4096;
    return 0;
}

int cudnnBackendExecute(void* h, struct descriptor* plan, struct descriptor* pack) {
    MAY_FAIL;
    REQUIRE(h == &handles);
    REQUIRE(plan->kind == PLAN && plan->finished == 1);
    REQUIRE(pack->kind == PACK && pack->finished == 1);
    last = *pack;
    runs++;
    return 0;
}

// What the test asks.
int fake_reset(void) {
    memset(fail_name, 0, sizeof fail_name);
    memset(&last, 0, sizeof last);
    runs = streams = 0;
    return 0;
}

int fake_fail(const char* name, int status) {
    snprintf(fail_name, sizeof fail_name, "%s", name);
    fail_status = status;
    return 0;
}

int fake_live(void) { return descriptors * 10 + handles; }

// Stream, workspace, runs, then ids and addresses in turn; how many of these.
int fake_run(long long* to) {
    to[0] = streams;
    to[1] = last.workspace;
    to[2] = runs;
    for (int i = 0; i < last.count; i++) to[3 + 2 * i] = last.ids[i], to[4 + 2 * i] = last.addresses[i];
    return (int)last.count;
}
