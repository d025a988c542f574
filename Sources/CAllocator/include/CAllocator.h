// The allocator of the program: jemalloc, set up for hundreds of threads that pass memory around, and
// a bound on what one call of the media libraries may allocate.
#pragma once

#include <stdbool.h>
#include <stddef.h>

/// What the allocator says of itself, bytes: what is in use, and what of the system's memory holds
/// it or was freed. False where another allocator took its place.
bool vigil_allocator_figures(size_t *allocated, size_t *resident);

/// From here to `vigil_budget_end` the calling thread's memory may grow by so many bytes; beyond
/// that, blocks that the media libraries ask for are refused, as if there were no memory. What the
/// thread frees is given back. Within another budget it does nothing: the outer one holds.
void vigil_budget_begin(size_t bytes);

/// Ends what was begun last, and says whether a block was refused since then.
bool vigil_budget_end(void);
