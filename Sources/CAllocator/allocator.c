// Links jemalloc, whose malloc takes the place of the C library's in the whole program, the media
// libraries among it, and says how it is set up. What the environment says (MALLOC_CONF) overrides.
//
// Two of its functions are stood in front of, those that libavutil's av_malloc and av_realloc call:
// a header of some bytes can ask for gigabytes, in blocks that each are within bounds (an index for
// each of a hundred tracks, texts that unpack to a thousand times their size, pictures of a decoder
// that is only asked for a size). What a thread has allocated and freed jemalloc counts anyway, so a
// budget costs a comparison. It holds for calls that free on the thread that allocated; so it is put
// around one call, not around an input. Swift's own objects come from malloc, which is left alone.

#define _GNU_SOURCE
#include "CAllocator.h"

#include <dlfcn.h>
#include <errno.h>
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

// Smaller blocks are never refused: they are as many as the input's bytes, and libraries are least
// careful about them.
enum { least_refused = 32 << 10 };

typedef int memalign_function(void **, size_t, size_t);
typedef void *realloc_function(void *, size_t);

static _Thread_local struct {
    // How many budgets were begun and not ended.
    unsigned depth;
    bool was_refused;
    // What may be in use beyond what the thread had freed.
    uint64_t limit;
    // The allocator's own counts for this thread; null before they are asked for.
    const uint64_t *allocated, *freed;
} budget;

static memalign_function *next_memalign;
static realloc_function *next_realloc;

// Before threads are started; before that, each call looks for itself.
__attribute__((constructor)) static void find_next(void) {
    next_memalign = (memalign_function *)dlsym(RTLD_NEXT, "posix_memalign");
    next_realloc = (realloc_function *)dlsym(RTLD_NEXT, "realloc");
}

static uint64_t in_use(void) { return *budget.allocated - *budget.freed; }

void vigil_budget_begin(size_t bytes) {
    if (budget.depth++ > 0) return;
    if (!budget.allocated) {
        uint64_t *allocated = NULL, *freed = NULL;
        size_t size = sizeof allocated;
        if (mallctl("thread.allocatedp", &allocated, &size, NULL, 0) == 0 &&
            mallctl("thread.deallocatedp", &freed, &size, NULL, 0) == 0) {
            budget.allocated = allocated;
            budget.freed = freed;
        }
    }
    budget.was_refused = false;
    // Modulo 2^64: a thread may have freed more than it allocated.
    if (budget.allocated) budget.limit = in_use() + bytes;
}

bool vigil_budget_end(void) {
    if (budget.depth > 0) budget.depth--;
    return budget.was_refused;
}

static bool is_refused(size_t size) {
    if (budget.depth == 0 || size < least_refused || !budget.allocated) return false;
    // What is left, modulo 2^64, negative where the limit was passed by small blocks.
    int64_t left = (int64_t)(budget.limit - in_use());
    if (left >= 0 && size <= (uint64_t)left) return false;
    budget.was_refused = true;
    return true;
}

__attribute__((visibility("default"))) int posix_memalign(
    void **block, size_t alignment, size_t size) {
    if (is_refused(size)) return ENOMEM;
    if (!next_memalign) find_next();
    return next_memalign(block, alignment, size);
}

__attribute__((visibility("default"))) void *realloc(void *block, size_t size) {
    // The old block stays beside the new one while it is copied, and is freed then.
    if (is_refused(size)) {
        errno = ENOMEM;
        return NULL;
    }
    if (!next_realloc) find_next();
    return next_realloc(block, size);
}
