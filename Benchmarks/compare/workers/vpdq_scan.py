"""vPDQ of one video: vpdq_scan.py FILE SECONDS_PER_HASH. The time is that of the call alone."""

import json
import sys
import time

import vpdq

started = time.perf_counter()
hashes = vpdq.computeHash(sys.argv[1], seconds_per_hash=float(sys.argv[2]))
print(json.dumps({"wall_s": time.perf_counter() - started, "hashes": len(hashes)}))
