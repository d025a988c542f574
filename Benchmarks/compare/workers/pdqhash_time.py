"""Time of pdqhash on one picture, the median of many: pdqhash_time.py WIDTH HEIGHT RUNS."""

import json
import statistics
import sys
import time

import numpy as np
import pdqhash

width, height, runs = map(int, sys.argv[1:])
x, y = np.arange(width)[None, :], np.arange(height)[:, None]
plane = (((x * y) >> 8) ^ (x >> 1) ^ y).astype(np.uint8)
picture = np.dstack([plane] * 3)  # pdqhash takes RGB only
times = []
pdqhash.compute(picture)
for _ in range(runs):
    started = time.perf_counter()
    pdqhash.compute(picture)
    times.append(time.perf_counter() - started)
print(json.dumps({"median_ms": statistics.median(times) * 1000}))
