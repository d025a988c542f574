#include "CProcess.h"

#include <errno.h>
#include <sys/resource.h>

#if defined(__linux__)
#include <sys/prctl.h>
#include <sys/timex.h>
#endif

int vigil_forbid_core_dumps(void) {
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0) return errno;
#if defined(__linux__)
    // The limit alone does not hold where core_pattern names a program.
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno;
#endif
    return 0;
}

double vigil_clock_error_bound(void) {
#if defined(__linux__)
    struct timex facts = {0};
    // TIME_ERROR: the clock is not synchronised, so the bound means nothing.
    if (adjtimex(&facts) < 0 || (facts.status & STA_UNSYNC) != 0) return -1;
    return (double)facts.maxerror / 1e6;
#else
    return -1;
#endif
}
