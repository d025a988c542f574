// The allocator of the program: jemalloc, set up for hundreds of threads that pass memory around.
#pragma once

#include <stdbool.h>
#include <stddef.h>

/// What the allocator says of itself, bytes: what is in use, and what of the system's memory holds
/// it or was freed. False where another allocator took its place.
bool vigil_allocator_figures(size_t *allocated, size_t *resident);
