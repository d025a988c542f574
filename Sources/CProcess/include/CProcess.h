// What Swift cannot ask of the system itself: prctl and syscall are variadic, timex.h and openat2.h
// are not in the C library's module.
#pragma once

#include <stdint.h>

// Forbids core dumps of this process, those handed to a crash handler included, and reading its
// memory by other processes of the same user. Returns 0, or an errno.
int vigil_forbid_core_dumps(void);

// How far the clock may be from UTC, seconds, as the kernel knows from what disciplines it; negative
// where nothing does.
double vigil_clock_error_bound(void);

// O_PATH, which the C library's module leaves out: a descriptor that only says what lies there.
extern const int vigil_path_only;

// Opens what lies beneath a folder: no link is followed on the way or at the end, and the name leads
// nowhere else. Returns a descriptor; or -1 with errno EXDEV where it leads out, ELOOP where there
// is a link, EAGAIN where something was moved meanwhile and it is to be tried again.
int vigil_open_beneath(int folder, const char *name, int flags);

// The same on kernels without openat2 (before 5.6) or where a filter forbids it: name by name. Takes
// no "..".
int vigil_open_beneath_walking(int folder, const char *name, int flags);

// What the threads of a service work on, in a file that is mapped: it outlives the process, however
// that ends. Run/ReadingJournal.swift says what for.
typedef struct {
    uint64_t magic;
    // The system's boot, which tells times of another one apart.
    uint64_t boot_high, boot_low;
    // When the service was last seen alive, milliseconds of the monotonic clock.
    uint64_t beat_ms;
    uint32_t state, slots;
    // The slot of the thread that crashed, counted from 1, 0 where that is none of them; and the signal,
    // 0 where there was none.
    uint32_t crashed_slot, crash_signal;
    // How often in a row it ended so before this run.
    uint32_t falls;
    uint32_t spare[19];
} VigilJournalHead;

typedef struct {
    uint64_t high, low;
    uint64_t since_ms;
    uint32_t act, thread, busy_percent;
    uint32_t spare[7];
} VigilJournalSlot;

// Has crashes of the process noted in `head` from now on, which stays mapped; then what handled
// such signals before handles them. NULL notes no more.
void vigil_note_crashes(VigilJournalHead *head);

// Tells which slot is the calling thread's, counted from 1; 0 is none.
void vigil_own_slot(uint32_t number);

// Writes what a thread works on.
void vigil_note_act(
    VigilJournalSlot *slot, uint32_t act, uint64_t high, uint64_t low, uint64_t now_ms);

// Single stores, which a compiler may neither leave out nor put off.
void vigil_note_word(uint32_t *word, uint32_t value);
void vigil_note_time(uint64_t *word, uint64_t value);

// The calling thread's id by the system, and a thread's processor time; negative where it has ended.
uint32_t vigil_thread_id(void);
int64_t vigil_thread_nanoseconds(uint32_t thread);
