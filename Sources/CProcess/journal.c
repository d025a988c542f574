// Notes of threads in a shared page, and which of them a crash hit. Everything here that a signal handler
// calls is safe there: loads, stores, sigaction and raise.

#define _GNU_SOURCE
#include "CProcess.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/syscall.h>
#endif

static VigilJournalHead *noted;
static struct sigaction before[NSIG];
static const int kinds[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};

// The calling thread's slot, counted from 1; 0 is none.
static __thread uint32_t own_slot;
// A decoder that calls itself without end leaves no stack to handle that on. Untouched, it takes no memory.
static __thread char other_stack[16384] __attribute__((aligned(16)));

static void crashed(int number, siginfo_t *facts, void *context) {
    (void)context;
    VigilJournalHead *head = __atomic_load_n(&noted, __ATOMIC_ACQUIRE);
    uint32_t none = 0;
    // The first counts: what follows may come of it.
    if (head != NULL
        && __atomic_compare_exchange_n(
            &head->crash_signal, &none, (uint32_t)number, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        __atomic_store_n(&head->crashed_slot, own_slot, __ATOMIC_RELEASE);
    sigaction(number, &before[number], NULL);
    // What the processor refused it refuses again on return; what was sent is to be sent again.
    if (facts == NULL || facts->si_code <= 0) raise(number);
}

void vigil_note_crashes(VigilJournalHead *head) {
    VigilJournalHead *last = __atomic_exchange_n(&noted, head, __ATOMIC_ACQ_REL);
    if (last != NULL || head == NULL) return;
    struct sigaction action = {0};
    action.sa_sigaction = crashed;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigfillset(&action.sa_mask);
    for (size_t index = 0; index < sizeof kinds / sizeof kinds[0]; index += 1)
        sigaction(kinds[index], &action, &before[kinds[index]]);
}

void vigil_own_slot(uint32_t number) {
    own_slot = number;
    stack_t current;
    if (sigaltstack(NULL, &current) != 0) return;
    if (number != 0 && (current.ss_flags & SS_DISABLE) != 0) {
        const stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
        sigaltstack(&stack, NULL);
    } else if (number == 0 && current.ss_sp == other_stack) {
        const stack_t none = {.ss_flags = SS_DISABLE};
        sigaltstack(&none, NULL);
    }
}

void vigil_note_act(
    VigilJournalSlot *slot, uint32_t act, uint64_t high, uint64_t low, uint64_t now_ms
) {
    // Nobody may read the new stream with the old act, or the other way round.
    __atomic_store_n(&slot->act, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&slot->high, high, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->low, low, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->since_ms, now_ms, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->busy_percent, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->act, act, __ATOMIC_RELEASE);
}

void vigil_note_word(uint32_t *word, uint32_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

void vigil_note_time(uint64_t *word, uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

uint32_t vigil_thread_id(void) {
#if defined(__linux__)
    return (uint32_t)syscall(SYS_gettid);
#else
    return 0;
#endif
}

int64_t vigil_thread_nanoseconds(uint32_t thread) {
#if defined(__linux__)
    // As pthread_getcpuclockid makes it (CPUCLOCK_PERTHREAD, CPUCLOCK_SCHED), from the id alone: a thread
    // that has ended gives an error and not another's time.
    const clockid_t clock = (clockid_t)((~thread << 3) | 6);
    struct timespec time;
    if (clock_gettime(clock, &time) != 0) return -1;
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
#else
    (void)thread;
    return -1;
#endif
}
