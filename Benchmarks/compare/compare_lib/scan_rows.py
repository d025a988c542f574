"""The rows about hashing pictures and scanning video."""

from .measure import ONE_CORE, TWO_CORES, Failure, interleave, need_two_cores, say
from .peers import PDQHASH, VPDQ
from .report import Bar, Row

VPDQ_SECONDS = 30  # vPDQ keeps every decoded frame in memory: about 60 MB a second of 1080p
DECODE_SECONDS = 30  # what the machine itself gives is measured on this much of the clip


def pdq_rows():
    what = "PDQ of one 1920x1080 luma plane, 1 core"
    return [Row("pdq", what, Bar(at_most=0.35, unit="ms")),
            Row("pdq", f"{what}; against pdqhash on one RGB picture (its only input)",
                Bar(at_least=150))]


def measure_pdq(bench, rows):
    alone, against = rows
    own = lambda: bench.vigil.bench_pdq_ms(ONE_CORE)
    try:
        bench.peers.python(PDQHASH)
    except Failure as failure:
        against.cannot(failure)
        alone.value(interleave("pdq", bench.pairs, [own])[0], "ms")
        return
    theirs = lambda: bench.peers.once(PDQHASH, "pdqhash_time", 1920, 1080, 15,
                                      cores=ONE_CORE)[0]["median_ms"]
    vigil, peer = interleave("pdq", bench.pairs, [own, theirs])
    alone.value(vigil, "ms")
    against.compare(vigil, peer, "ms", faster=True, note=" pdqhash")


# --- against ffmpeg's bare decoding -----------------------------------------------------------


def keyframe_rows():
    return [Row("keyframes", "Scan of the clip, keyframes, `--effort fast`: user CPU, against "
                "`ffmpeg -threads 1 -skip_frame nokey -f null -`", Bar(at_most=1.08))]


def measure_keyframes(bench, rows):
    clip, known = bench.clips.clip(), bench.vigil.random_set()
    vigil, ffmpeg = interleave("keyframes", bench.pairs, [
        lambda: bench.vigil.scan(clip, known, "--sample", "keyframes", "--effort", "fast").user_s,
        lambda: bench.runner.run(decode(clip, 1, "-skip_frame", "nokey")).user_s])
    rows[0].compare(vigil, ffmpeg, "s", note=" ffmpeg")


def all_rows():
    threads = len(TWO_CORES)
    what = f"Scan of every frame (`--sample all --effort fast`), {threads} cores"
    return [Row("all", f"{what}: wall, against `ffmpeg -threads {threads} -f null -`",
                Bar(at_most=1.10)),
            Row("all", f"{what}: peak memory", Bar(at_most=200, unit="MB")),
            Row("all", f"{what}: wall, against vPDQ of every frame, the first {VPDQ_SECONDS} s",
                Bar(at_least=7))]


def measure_all(bench, rows):
    known = bench.vigil.random_set()
    scan = lambda file: bench.vigil.scan(file, known, "--sample", "all", "--effort", "fast",
                                         cores=TWO_CORES)
    against_ffmpeg, memory, against_vpdq = rows
    clip, part = bench.clips.clip(), bench.clips.part(VPDQ_SECONDS)
    vigil, ffmpeg = interleave("all", bench.pairs, [
        lambda: scan(clip),
        lambda: bench.runner.run(decode(clip, len(TWO_CORES)), cores=TWO_CORES)])
    against_ffmpeg.compare(wall(vigil), wall(ffmpeg), "s", note=" ffmpeg")
    memory.value([sample.peak_mib * 2**20 / 1e6 for sample in vigil], "MB", worst=True)
    bench.peers.python(VPDQ)
    vigil, vpdq = interleave("all, vPDQ", bench.pairs, [
        lambda: scan(part),
        lambda: vpdq_scan(bench, part, 0)])
    against_vpdq.compare(wall(vigil), wall(vpdq), "s", faster=True, note=" vPDQ")


def vpdq_scan(bench, file, seconds):
    """vPDQ's cost: wall time of the call alone, CPU and memory of the process."""
    said, sample = bench.peers.once(VPDQ, "vpdq_scan", file, seconds, cores=TWO_CORES)
    if not said["hashes"]:
        raise Failure("vPDQ found no frame")
    sample.wall_s = said["wall_s"]
    return sample


def second_rows():
    what = "Scan of the clip against vPDQ with one hash a second"
    return [Row("second", f"{what}: `--sample 1 --effort fast`, wall"),
            Row("second", f"{what}: `--sample 1 --effort fast`, user CPU"),
            Row("second", f"{what}: keyframes (default), wall"),
            Row("second", f"{what}: keyframes (default), user CPU")]


def measure_second(bench, rows):
    clip, known = bench.clips.clip(), bench.vigil.random_set()
    bench.peers.python(VPDQ)
    every, keyframes, vpdq = interleave("second", bench.few_pairs, [
        lambda: bench.vigil.scan(clip, known, "--sample", 1, "--effort", "fast", cores=TWO_CORES),
        lambda: bench.vigil.scan(clip, known, cores=TWO_CORES),
        lambda: vpdq_scan(bench, clip, 1)])
    for ours, (by_wall, by_cpu) in ((every, rows[:2]), (keyframes, rows[2:])):
        by_wall.compare(wall(ours), wall(vpdq), "s", faster=True, note=" vPDQ")
        by_cpu.compare(user(ours), user(vpdq), "s", faster=True, note=" vPDQ")


# --- two cores against one --------------------------------------------------------------------


def two_core_rows(group, what):
    bar = Bar(at_least=1.85)
    return [Row(group, f"{what}: wall on 2 cores, against 1", bar),
            Row(group, f"{what}: the same JSON lines", Bar(must="yes"))]


def long_rows():
    return (two_core_rows("long", "One long file (the clip five times over), keyframes")
            + two_core_rows("long", "One file (the clip), every frame"))


def measure_long(bench, rows):
    known = bench.vigil.random_set(media=bench.clips.part(DECODE_SECONDS))
    compare_cores(bench, rows[:2], "long", bench.clips.long(), known)
    compare_cores(bench, rows[2:], "long, all", bench.clips.clip(), known, "--sample", "all")


def many_rows(count):
    return two_core_rows("many", f"{count} short clips, 360p and less, five codecs")


def measure_many(bench, rows):
    folder, rare = bench.clips.short()
    compare_cores(bench, rows, "many", folder, bench.vigil.random_set(media=rare))


def compare_cores(bench, rows, name, path, known, *arguments):
    need_two_cores()
    bench.clips.part(DECODE_SECONDS)
    speed, same = rows
    two, one, machine = interleave(name, bench.few_pairs, [
        lambda: bench.vigil.scan(path, known, *arguments, cores=TWO_CORES, lines=True),
        lambda: bench.vigil.scan(path, known, *arguments, cores=ONE_CORE, lines=True),
        lambda: machine_gain(bench)])
    gains = sorted(machine)
    speed.compare(wall(sample for sample, _ in two), wall(sample for sample, _ in one), "s",
                  faster=True, note=f" on 1; two ffmpeg at once gain {gains[len(gains) // 2]:.2f}x "
                  f"({gains[0]:.2f}..{gains[-1]:.2f}) here")
    runs = [lines for pair in (two, one) for _, lines in pair]
    differing = max(len(set(lines) ^ set(runs[0])) for lines in runs)
    alerts = sum('"type": "alert"' in line for line in runs[0])
    say(f"{name}: {len(runs[0])} lines, {alerts} alerts, {differing} differ")
    if len({len(lines) for lines in runs}) > 1:
        differing = max(differing, 1)
    same.truth(differing == 0, "yes" if differing == 0 else f"{differing} lines differ",
               f"{len(runs[0])} lines, {alerts} alerts, {len(runs)} runs")


def machine_gain(bench):
    """Two bare decodes one after the other, against two at once."""
    command = decode(bench.clips.part(DECODE_SECONDS), 1)
    apart = sum(bench.runner.run(command, cores=TWO_CORES).wall_s for _ in range(2))
    return apart / bench.runner.together([command, command], cores=TWO_CORES)


def decode(file, threads, *arguments):
    return ["ffmpeg", "-nostdin", "-loglevel", "error", "-threads", threads, *arguments,
            "-i", file, "-map", "0:v", "-f", "null", "-"]


def wall(samples):
    return [sample.wall_s for sample in samples]


def user(samples):
    return [sample.user_s for sample in samples]
