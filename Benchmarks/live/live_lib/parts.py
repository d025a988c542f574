"""What is measured: steady load, more load than there are cores for, and opening and closing."""

import time
from dataclasses import dataclass

from compare_lib.measure import say

from .bed import KEYFRAMES_S, Bed, film
from .rows import judged, told, unknown
from .service import Service
from .window import STAGES, watch

DELAY_S, MB_EACH, LEDGER_S = 1.0, 5.0, 1.0
SETTLE_S = 10
LEDGER_WRITTEN_S = 12  # the service writes its ledger every 10 s
CLOSE_LIMIT_S = 30
LEAK_MB = 10  # what so many openings and closings more may leave
TURNS, FIRST_TURNS = 6, 3
FREED_S = 22  # freed memory is given back every 10 s
HARDLY = 0.002  # of all seconds, where none is to be missed


@dataclass
class Setup:
    runner: object
    program: object
    known: tuple
    films: object  # folder
    cores: list
    module: object

    def bed(self):
        return Bed(self.runner, self.cores, self.module)

    def service(self, cores=None, hooks=False):
        return Service(self.runner, self.program, self.known, cores or self.cores, hooks)

    def film(self, width=1920, height=1080, kbps=2000):
        return film(self.runner, self.films, width, height, kbps)


def steady(setup, streams, minutes):
    """So many RTMP streams for so long: nothing may be missed."""
    part = f"{streams} RTMP streams, 1080p30, 2 Mb/s, a keyframe every {KEYFRAMES_S} s"
    with setup.bed() as bed, setup.service() as service:
        addresses = bed.publish(setup.film(), streams)
        idle = service.process()
        ids = service.add(addresses)
        service.wait_until_connected(streams, 60)
        time.sleep(SETTLE_S)
        window = watch("rtmp", service, bed, 60 * minutes)
        statuses = service.statuses()
        rows = [told(part, "measured for", f"{window.seconds:.0f} s"),
                *nothing_missed(part, window, streams, statuses), *delays(part, window),
                *memory(part, window, streams, idle), *shares(part, window)]
        rows += closing(part, service, ids, idle)
        return rows + ledger(part, service, ids)


def nothing_missed(part, window, streams, statuses):
    keyframes = window.counted("keyframes")
    expected = streams * window.seconds / KEYFRAMES_S
    dropped = window.counted("keyframes_dropped")
    broken = window.counted("keyframes_undecodable")
    # Those that wait when it is counted were dropped by nobody.
    waiting = [status["keyframes"] - status["samples"] - status["dropped"]
               - status["undecodable"] for status in statuses.values()]
    rows = [judged(part, "keyframes that came", f"{expected:.0f}, to 2 %", f"{keyframes}",
                   abs(keyframes - expected) <= max(0.02 * expected, streams)),
            judged(part, "keyframes dropped", "0", f"{dropped}", dropped == 0),
            judged(part, "keyframes that could not be decoded", "0", f"{broken}", broken == 0),
            judged(part, "keyframes that were neither, nor examined", "at most 1 a stream, the "
                   "one that waits", f"{max(waiting)}", max(waiting) <= 1)]
    examined, missed = window.result_seconds("examined"), missed_seconds(window)
    total = sum(missed.values())
    return rows + [judged(
        part, "stream seconds examined", "all", f"{examined:.0f}; {seconds_text(missed)}",
        examined > 0 and total <= HARDLY * examined)]


def missed_seconds(window):
    prefix = "vigil_stream_seconds_total{result=\""
    names = [name[len(prefix):-2] for name in window.last if name.startswith(prefix)]
    return {name: window.result_seconds(name) for name in names if name != "examined"}


def seconds_text(missed):
    named = [f"{name} {value:.1f}" for name, value in missed.items() if value > 0.05]
    return "missed: " + (", ".join(named) or "none")


def delays(part, window):
    low, high = window.delay(0.99)
    middle = window.delay(0.5)
    between = lambda limits: (f"{limits[0]:g} to {limits[1]:g} s" if limits[1] < float("inf")
                              else f"over {limits[0]:g} s")
    return [judged(part, "arrival to fingerprint, p99", f"at most {DELAY_S:g} s",
                   f"{between((low, high))} (median {between(middle)})", high <= DELAY_S)]


def memory(part, window, streams, idle):
    each = window.peak_mb / streams
    return [judged(part, "resident memory of the service, a stream", f"at most {MB_EACH:g} MB",
                   f"{each:.2f} MB ({window.peak_mb:.0f} MB in all)", each <= MB_EACH),
            told(part, "memory before any was added", f"{idle.resident_mb:.0f} MB"),
            told(part, "memory, last quarter against the second", f"{window.growth_mb:+.1f} MB"),
            told(part, "threads, open files", f"{window.peak_threads}, {window.peak_files}")]


def shares(part, window):
    cores = window.cores
    inside = ", ".join(f"{name} {cores[name]:.3f}" for name in (*STAGES, "rest of the service"))
    around = ", ".join(f"{name} {cores[name]:.2f}"
                       for name in ("nginx", "publishers", "everything else on the machine"))
    return [told(part, "cores that the service took", f"{cores['service']:.2f}: {inside}"),
            told(part, "cores that the rest took", around)]


# --- closing --------------------------------------------------------------------------------


def closing(part, service, ids, idle):
    """Ends watches, and looks whether threads and files are gone."""
    started = time.monotonic()
    service.remove(ids)
    while time.monotonic() - started < CLOSE_LIMIT_S:
        now = service.process()
        if is_back(now, idle):
            break
        time.sleep(0.2)
    took = time.monotonic() - started
    return [judged(part, "threads and open files after all are closed",
                   f"as before: {idle.threads}, {idle.files}",
                   f"{now.threads}, {now.files} after {took:.1f} s", is_back(now, idle))]


def is_back(now, idle):
    # The API's own pool and a canary that is under way come and go.
    return (now.threads <= idle.threads + 6
            and (idle.files is None or now.files <= idle.files + 6))


def ledger(part, service, ids):
    """Whether every second of watches that are over is accounted for."""
    time.sleep(LEDGER_WRITTEN_S)
    worst = 0.0
    for stream in map(service.stream, ids):
        coverage = stream["coverage"]
        accounted = coverage["examined_s"] + sum(coverage["missed_s"].values())
        lasted = (stream["ended_unix_ms"] - stream["started_unix_ms"]) / 1000
        worst = max(worst, abs(accounted - lasted))
    return [judged(part, f"seconds in the ledger against those of the watch, worst of {len(ids)}",
                   f"within {LEDGER_S:g} s", f"{worst:.2f} s", worst <= LEDGER_S)]


# --- overload -------------------------------------------------------------------------------


def overload(setup, streams, left, minutes, cores):
    """More streams than there is time for, then so many that there is."""
    part = f"{streams} RTMP streams, then {left}"
    with setup.bed() as bed, setup.service(cores) as service:
        addresses = bed.publish(setup.film(), streams)
        idle = service.process()
        ids = service.add(addresses)
        service.wait_until_connected(streams, 90)
        time.sleep(SETTLE_S)
        before = service.statuses()
        window = watch("overload", service, bed, 60 * minutes)
        rows = [told(part, "measured for", f"{window.seconds:.0f} s on {len(cores)} "
                     f"{'core' if len(cores) == 1 else 'cores'}")]
        rows += degradation(part, window, before, service.statuses())
        rows += [*memory(part, window, streams, idle), *shares(part, window)]
        # The load falls as it does where streams end: with their publishers.
        stay = set(bed.unpublish(left))
        rest = [stream for number, stream in enumerate(ids) if number in stay]
        service.remove([stream for number, stream in enumerate(ids) if number not in stay])
        time.sleep(SETTLE_S)
        again = watch("recovery", service, bed, 60 * min(minutes, 1))
        rows += recovery(part, again, left)
        rows += closing(part, service, rest, idle)
        return rows + ledger(part, service, ids)


def degradation(part, window, before, after):
    dropped, keyframes = window.counted("keyframes_dropped"), window.counted("keyframes")
    what = "keyframes dropped"
    if dropped < 0.01 * keyframes:
        return [unknown(part, what, "some", f"{dropped} of {keyframes}: this machine keeps up; "
                        "--overload-streams takes more")]
    lost = dropped / keyframes
    missed = missed_seconds(window)
    seconds = window.result_seconds("examined") + sum(missed.values())
    share = missed.get("overload", 0) / seconds
    other = (sum(missed.values()) - missed.get("overload", 0)) / seconds
    looked = [after[stream]["samples"] - before[stream]["samples"] for stream in before]
    mean = sum(looked) / len(looked)
    return [
        told(part, what, f"{dropped} of {keyframes} ({100 * lost:.1f} %)"),
        # More where pictures are further apart than counts as examined.
        judged(part, "stream seconds missed for overload", "at least the share of keyframes "
               "dropped, less 3 %", f"{100 * share:.1f} %", share >= lost - 0.03),
        judged(part, "stream seconds missed for other reasons", f"at most {100 * HARDLY:g} %",
               f"{100 * other:.2f} %", other <= HARDLY),
        judged(part, "pictures looked at, the least of a stream against the mean",
               "at least half", f"{min(looked)} against {mean:.1f}", min(looked) >= mean / 2),
        *delays_told(part, window)]


def delays_told(part, window):
    return [told(part, row.what, row.measured) for row in delays(part, window)]


def recovery(part, window, left):
    dropped = window.counted("keyframes_dropped")
    return [judged(part, f"with {left} streams again: keyframes dropped of those that came", "0",
                   f"{dropped} of {window.counted('keyframes')}",
                   dropped == 0 and window.counted("keyframes") > 0), *delays(part, window)]


# --- HLS ------------------------------------------------------------------------------------


def hls(setup, inputs, minutes):
    """So many HLS inputs, opened and closed, and again in short: nothing may be left.

    What the first turns leave is what any later one takes again: pools, caches, and pieces of
    memory between which something lies. A leak would go on.
    """
    part = f"{inputs} HLS inputs, 360p30, 0.5 Mb/s, one server"
    with setup.bed() as bed, setup.service() as service:
        addresses = bed.segment(setup.film(640, 360, 500), inputs)
        idle = service.process()
        rows, left = [], []
        for turn, seconds in enumerate([60 * minutes] + [10] * (TURNS - 1)):
            started = time.monotonic()
            ids = service.add(addresses)
            service.wait_until_connected(inputs, 90)
            opened = time.monotonic() - started
            window = watch(f"hls, turn {turn + 1}", service, bed, seconds)
            if turn == 0:
                dropped = window.counted("keyframes_dropped")
                rows += [told(part, "all opened, with a keyframe each, after", f"{opened:.1f} s"),
                         told(part, "measured for", f"{window.seconds:.0f} s"),
                         told(part, "keyframes dropped of those that came",
                              f"{dropped} of {window.counted('keyframes')}"),
                         told(part, "stream seconds examined",
                              f"{window.result_seconds('examined'):.0f}; "
                              f"{seconds_text(missed_seconds(window))}"),
                         told(part, "connections lost",
                              f"{window.counted('connections')}"),
                         *memory(part, window, inputs, idle), *shares(part, window)]
            closed = closing(part, service, ids, idle)
            if turn == 0:
                rows += closed
                rows += ledger(part, service, ids)
            time.sleep(FREED_S)
            left.append(service.process().resident_mb)
            say(f"hls: {left[-1]:.0f} MB after closing")
        return rows + [
            told(part, "memory after closing, each turn", ", ".join(f"{mb:.0f} MB" for mb in left)),
            judged(part, f"memory after the last closing, against the most of the first "
                   f"{FIRST_TURNS}", f"at most {LEAK_MB} MB more",
                   f"{left[-1] - max(left[:FIRST_TURNS]):+.1f} MB",
                   left[-1] - max(left[:FIRST_TURNS]) <= LEAK_MB),
            closed[0]]
