"""FAISS's two exact indexes for 256-bit codes, on one thread. Stays and answers requests.

    faiss_search.py LIST.bin QUERIES.bin

The first line it prints says what building cost. Then, one JSON object a line:

    {"do": "time", "seconds": S}        CPU time per query, for each index and way of asking
    {"do": "answers", "queries": N, "to": FILE}    "query line distance" from the flat index

`range_search` looks for distances below its radius: 32 means at most 31 bits. In the multi-hash
index 16 substrings of 16 bits with one flipped bit find everything within 31 bits.
"""

import itertools
import json
import sys
import time

import faiss
import numpy as np

BITS, BELOW, BATCH = 256, 32, 256


def build(codes):
    flat, multi = faiss.IndexBinaryFlat(BITS), faiss.IndexBinaryMultiHash(BITS, 16, 16)
    multi.nflip = 1
    cost = {}
    for name, index in (("flat", flat), ("multi-hash", multi)):
        started = time.process_time()
        index.add(codes)
        cost[name] = time.process_time() - started
    return {"flat": flat, "multi-hash": multi}, cost


def timed(index, queries, position, batch, seconds):
    """Seconds of CPU a query; goes on where the last measure ended."""
    asked, started = 0, time.process_time()
    while True:
        at = next(position) * batch % max(len(queries) - batch, 1)
        index.range_search(queries[at:at + batch], BELOW)
        asked += batch
        spent = time.process_time() - started
        if spent >= seconds:
            return spent / asked


def answers(index, queries, target):
    with open(target, "w") as file:
        for start in range(0, len(queries), BATCH):
            limits, distances, lines = index.range_search(queries[start:start + BATCH], BELOW)
            for query, (low, high) in enumerate(itertools.pairwise(limits), start):
                for line, distance in zip(lines[low:high], distances[low:high]):
                    file.write(f"{query} {line} {int(distance)}\n")
    return {"queries": len(queries)}


def main():
    faiss.omp_set_num_threads(1)
    codes, queries = (np.fromfile(path, np.uint8).reshape(-1, BITS // 8) for path in sys.argv[1:])
    indexes, cost = build(codes)
    del codes
    print(json.dumps({"build_s": cost}), flush=True)
    position = itertools.count()
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "time":
            reply = {f"{name}, {way}": timed(index, queries, position, batch, request["seconds"])
                     for name, index in indexes.items()
                     for way, batch in (("in batches", BATCH), ("one by one", 1))}
        else:
            reply = answers(indexes["flat"], queries[:request["queries"]], request["to"])
        print(json.dumps(reply), flush=True)


main()
