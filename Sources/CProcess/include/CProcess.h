// The one process setting that Swift cannot make itself: prctl is variadic.
#pragma once

// Forbids core dumps of this process, those handed to a crash handler included, and reading its
// memory by other processes of the same user. Returns 0, or an errno.
int vigil_forbid_core_dumps(void);
