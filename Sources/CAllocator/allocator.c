// Links jemalloc, whose malloc takes the place of the C library's in the whole program, the media
// libraries among it, and says how it is set up. What the environment says (MALLOC_CONF) overrides.

#include "CAllocator.h"

#include <jemalloc/jemalloc.h>
#include <stdint.h>

// An arena for each core, not four: hundreds of readers leave holes in all that there are. Freed
// pages go back to the system within about a second, which a thread of the allocator's own sees to,
// since threads that ended or wait would not.
const char *malloc_conf =
    "percpu_arena:percpu,background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0";

bool vigil_allocator_figures(size_t *allocated, size_t *resident) {
    // The figures are those of the newest epoch.
    uint64_t epoch = 1;
    size_t size = sizeof epoch;
    if (mallctl("epoch", &epoch, &size, &epoch, sizeof epoch) != 0) return false;
    size = sizeof *allocated;
    if (mallctl("stats.allocated", allocated, &size, NULL, 0) != 0) return false;
    size = sizeof *resident;
    return mallctl("stats.resident", resident, &size, NULL, 0) == 0;
}
