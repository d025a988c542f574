"""A stretch of time over which figures are taken: what grew between its beginning and its end."""

import time
from dataclasses import dataclass, field

from compare_lib.measure import say

from .process import cpu_seconds, machine_cpu_seconds

DELAY = "vigil_fingerprint_delay_seconds"
STAGES = ("read", "look", "match", "record")
SAMPLE_S = 2
SAY_S = 30


@dataclass
class Window:
    seconds: float
    first: dict
    last: dict
    cpu: dict  # processor seconds: vigil, nginx, publishers, machine
    processes: list = field(default_factory=list)  # (seconds since its beginning, Process)

    def grew(self, name):
        return self.last.get(name, 0) - self.first.get(name, 0)

    def counted(self, name):
        return int(self.grew(f"vigil_{name}_total"))

    def result_seconds(self, result):
        return self.grew(f'vigil_stream_seconds_total{{result="{result}"}}')

    def stage(self, name):
        return self.grew(f'vigil_stage_cpu_seconds_total{{stage="{name}"}}')

    @property
    def cores(self):
        """Cores' worth of processor time that each part took."""
        shares = {name: value / self.seconds for name, value in self.cpu.items()}
        stages = {stage: self.stage(stage) / self.seconds for stage in STAGES}
        rest = {"rest of the service": shares["vigil"] - sum(stages.values())}
        ours = shares["vigil"] + shares["nginx"] + shares["publishers"]
        return {"service": shares["vigil"], **stages, **rest, "nginx": shares["nginx"],
                "publishers": shares["publishers"],
                "everything else on the machine": max(0, shares["machine"] - ours)}

    def delay(self, quantile):
        """Between which limits the quantile of the delay lies, seconds."""
        prefix = f'{DELAY}_bucket{{le="'
        limits = sorted((float(name[len(prefix):-2]), self.grew(name))
                        for name in self.last if name.startswith(prefix))
        total = limits[-1][1]
        below = 0.0
        for limit, count in limits:
            if total and count >= quantile * total:
                return below, limit
            below = limit
        return below, float("inf")

    @property
    def peak_mb(self):
        return max(process.resident_mb for _, process in self.processes)

    @property
    def peak_threads(self):
        return max(process.threads for _, process in self.processes)

    @property
    def peak_files(self):
        return max((process.files or 0 for _, process in self.processes))

    @property
    def growth_mb(self):
        """How much more memory the last quarter took than the second, medians."""
        values = [process.resident_mb for _, process in self.processes]
        quarter = max(1, len(values) // 4)
        middle = lambda part: sorted(part)[len(part) // 2]
        return middle(values[-quarter:]) - middle(values[quarter:2 * quarter] or values)


def watch(name, service, bed, seconds):
    """Watches the service for so long."""
    parts = {"vigil": (service.server,), "nginx": (bed.nginx,),
             "publishers": tuple(bed.publishers)}
    cpu = lambda: {**{part: cpu_seconds(*servers) for part, servers in parts.items()},
                   "machine": machine_cpu_seconds()}
    say(f"{name}: measuring for {seconds:g} s")
    before, first, started = cpu(), service.metrics(), time.monotonic()
    processes, said = [], started
    while (now := time.monotonic()) - started < seconds:
        processes.append((now - started, service.process()))
        if now - said >= SAY_S:
            said = now
            say(f"{name}: {now - started:.0f} s, {processes[-1][1].resident_mb:.0f} MB")
        time.sleep(min(SAMPLE_S, max(0.05, seconds - (now - started))))
    bed.check()
    last, after, ended = service.metrics(), cpu(), time.monotonic()
    return Window(ended - started, first, last, {part: after[part] - before[part]
                                                 for part in before}, processes)
