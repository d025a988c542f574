// What Swift cannot ask of the system itself: prctl and syscall are variadic, timex.h and openat2.h
// are not in the C library's module.
#pragma once

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
