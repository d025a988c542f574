#include "CProcess.h"

#include <errno.h>
#include <sys/resource.h>

#if defined(__linux__)
#include <sys/prctl.h>
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
