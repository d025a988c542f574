"""vPDQ of many videos: reads one JSON object a line, {"file", "seconds", "to"}.

Writes to `to` the list of [quality, hash] of the frames, `seconds` apart (0: every frame), or
{"error": why}. Goes on with the next whatever happens.
"""

import json
import os
import sys

import vpdq

for line in sys.stdin:
    task = json.loads(line)
    try:
        found = vpdq.computeHash(task["file"], seconds_per_hash=float(task["seconds"]))
        answer = [[feature.quality, feature.hex] for feature in found]
    except Exception as error:  # the peer raises what it likes; it is said in the report
        answer = {"error": f"{type(error).__name__}: {error}"}
    with open(task["to"] + ".partial", "w") as file:
        json.dump(answer, file)
    os.replace(task["to"] + ".partial", task["to"])
