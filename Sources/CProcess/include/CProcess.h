// What Swift cannot ask of the system itself: prctl is variadic, timex.h is not in the C library's
// module.
#pragma once

// Forbids core dumps of this process, those handed to a crash handler included, and reading its
// memory by other processes of the same user. Returns 0, or an errno.
int vigil_forbid_core_dumps(void);

// How far the clock may be from UTC, seconds, as the kernel knows from what disciplines it; negative
// where nothing does.
double vigil_clock_error_bound(void);
