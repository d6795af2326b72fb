// emulator_signals.h: faults of a kernel and kernels without end, caught before they take the process with them.
//
// Faults belong to the emulator only while a launch runs, and only on its thread: every other one goes to the handler that was
// there before, as a Java machine lives by its own.
#pragma once

#include "emulator_fibres.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace emulator {
namespace {

const int FAULTS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
enum { FAULT_COUNT = 4, SIGNAL_STACK_BYTES = 64 << 10 };
struct sigaction before[FAULT_COUNT];
sigjmp_buf out_of_launch;
volatile bool running;
pthread_t runner;
alignas(16) u8 signal_stack[SIGNAL_STACK_BYTES];

const void* place_of(void* context) {
    const mcontext_t& m = ((ucontext_t*)context)->uc_mcontext;
#if defined(__x86_64__)
    return (const void*)(m.gregs[REG_RIP] + 1);
#elif defined(__aarch64__)
    return (const void*)(m.pc + 1);
#else
    (void)m;
    return nullptr;
#endif
}

bool is_kernel(const void* pc) { return (u64)pc >= module_base && (u64)pc < module_end; }

[[noreturn]] void jump_out() {
    running = false;
    siglongjmp(out_of_launch, 1);
}

void on_fault(int signal, siginfo_t* info, void* context) {
    if (running && pthread_equal(pthread_self(), runner)) {
        const void* pc = place_of(context);
        u64 at = (u64)info->si_addr;
        begin_message();
        if (signal == SIGSEGV && at < (u64)own_stack && (u64)own_stack - at <= GUARD_BYTES) {
            add("its local variables need more than %d bytes", (int)STACK_BYTES);
        } else if (signal == SIGFPE) {
            add("divides an integer by zero");
        } else {
            add("signal %d (%s) at address %p", signal, strsignal(signal), info->si_addr);
        }
        add(is_kernel(pc) ? " [+0x%x]" : ", in a library", offset_of(pc));
        jump_out();
    }
    for (int i = 0; i < FAULT_COUNT; i++) {
        if (FAULTS[i] != signal) continue;
        if (before[i].sa_flags & SA_SIGINFO) {
            before[i].sa_sigaction(signal, info, context);
        } else if (before[i].sa_handler == SIG_DFL || before[i].sa_handler == SIG_IGN) {
            sigaction(signal, &before[i], nullptr);  // the fault comes again
        } else {
            before[i].sa_handler(signal);
        }
    }
}

// A loop that comes to none of the emulator's functions is left from here.
void on_time(int, siginfo_t*, void* context) {
    if (!running || !pthread_equal(pthread_self(), runner)) return;
    late = 1;
    const void* pc = place_of(context);
    if (is_kernel(pc)) {
        say_late(pc);
        jump_out();
    }
}

// The time of a launch, and whose faults are whose while it lasts.
class Watch {
public:
    Watch() {
        runner = pthread_self();
        late = 0;
        struct sigaction own = {};
        own.sa_sigaction = on_fault;
        sigfillset(&own.sa_mask);
        own.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
        for (int i = 0; i < FAULT_COUNT; i++) sigaction(FAULTS[i], &own, &before[i]);
        stack_t mine = {};
        mine.ss_sp = signal_stack;
        mine.ss_size = sizeof signal_stack;
        sigaltstack(&mine, &stack_before_);
        // This handler stays: a signal may still be on its way when the launch is over.
        int signal = SIGRTMAX - 2;
        own.sa_sigaction = on_time;
        static int installed = sigaction(signal, &own, nullptr);
        sigevent event = {};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = signal;
        event.sigev_notify_thread_id = (int)syscall(SYS_gettid);
        timed_ = installed == 0 && timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer_) == 0;
        itimerspec at = {{0, 100'000'000}, {seconds, 0}};
        if (timed_) timer_settime(timer_, 0, &at, nullptr);
        running = true;
    }

    ~Watch() {
        running = false;
        if (timed_) timer_delete(timer_);
        for (int i = 0; i < FAULT_COUNT; i++) sigaction(FAULTS[i], &before[i], nullptr);
        if (stack_before_.ss_flags & SS_DISABLE) stack_before_.ss_size = SIGNAL_STACK_BYTES;
        sigaltstack(&stack_before_, nullptr);
    }

private:
    stack_t stack_before_;
    timer_t timer_;
    bool timed_;
};

}  // namespace
}  // namespace emulator
