"""Hash lists and queries for the look-up rows, and a check of the answers.

    hashes.py make FOLDER COUNT QUERIES    list.txt list.bin queries.txt queries.bin planted.txt
    hashes.py check FOLDER QUERIES ANSWERS [FLAT FLAT_QUERIES]

Every second query is planted: a stored hash with 0 to 31 bits flipped; `planted.txt` says of
which line (0 is the first, -1 none) and how many bits. `check` prints one JSON object. A process
of its own, so that the memory it needs is not counted as that of what the driver starts.
"""

import itertools
import json
import random
import sys
from collections import defaultdict
from pathlib import Path

CHUNK = 100_000
BITS, LARGEST_FLIP = 256, 31


def make(folder, count, queries):
    draw = random.Random(f"list of {count}")
    planted = {query: draw.randrange(count) for query in range(0, queries, 2)}
    wanted = defaultdict(list)
    for query, number in planted.items():
        wanted[number].append(query)
    sources = write_list(folder, count, draw, wanted)
    with open(folder / "queries.bin", "wb") as raw, open(folder / "queries.txt", "w") as text, \
            open(folder / "planted.txt", "w") as notes:
        for query in range(queries):
            flips = draw.randint(0, LARGEST_FLIP) if query in planted else 0
            value = sources[query] if query in planted else draw.getrandbits(BITS)
            for bit in draw.sample(range(BITS), flips):
                value ^= 1 << bit
            raw.write(value.to_bytes(BITS // 8, "big"))
            text.write(f"{value:064x}\n")
            notes.write(f"{planted.get(query, -1)} {flips}\n")


def write_list(folder, count, draw, wanted):
    """Writes the list; returns the hashes from which queries are made."""
    sources = {}
    with open(folder / "list.bin", "wb") as raw, open(folder / "list.txt", "w") as text:
        for start in range(0, count, CHUNK):
            size = min(CHUNK, count - start)
            data = draw.randbytes(size * BITS // 8)
            raw.write(data)
            text.write(data.hex("\n", BITS // 8) + "\n")
            for number in range(start, start + size):
                for query in wanted.get(number, ()):
                    at = (number - start) * BITS // 8
                    sources[query] = int.from_bytes(data[at:at + BITS // 8], "big")
    return sources


def check(folder, queries, answers, flat=None, flat_queries="0"):
    """Compares answers by what was asked, not by its number: two queries may be the same."""
    queries, flat_queries = int(queries), int(flat_queries)
    with open(folder / "queries.txt") as lines:
        asked = [text.strip() for text in itertools.islice(lines, queries)]
    with open(folder / "planted.txt") as lines:
        planted = [tuple(map(int, text.split())) for text in itertools.islice(lines, queries)]
    with open(answers) as lines:
        hits = {(hit["query"], int(hit["item"].rpartition(":")[2]) - 1, hit["distance"])
                for hit in map(json.loads, lines)}
    wanted = [(text, line, flips) for text, (line, flips) in zip(asked, planted) if line >= 0]
    right = set()
    if flat:
        with open(flat) as lines:
            right = {(asked[query], item, distance)
                     for query, item, distance in (map(int, text.split()) for text in lines)}
    first = set(asked[:flat_queries])
    compared = {hit for hit in hits if hit[0] in first}
    return {"planted": len(wanted), "found": sum(hit in hits for hit in wanted),
            "flat_answers": len(right), "different": len(compared ^ right) if flat else None}


def main():
    verb, folder, *rest = sys.argv[1:]
    if verb == "make":
        Path(folder).mkdir(parents=True, exist_ok=True)
        make(Path(folder), *map(int, rest))
    else:
        print(json.dumps(check(Path(folder), *rest)))


main()
