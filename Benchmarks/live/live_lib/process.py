"""Long-running children that are asked to end, and what the system says of them.

nginx's master must be asked (SIGTERM): killed, it leaves its worker behind. Every child has a
session of its own, so the processor time of a server and its workers is the session's.
"""

import os
import signal
import socket
from pathlib import Path

from compare_lib.measure import Child

TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 15


class Server(Child):
    """A child that runs until it is stopped."""

    def stop(self):
        """Asks it to end, and makes it end where it does not.

        Returns its exit code.
        """
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE_S)
            except Exception:
                self._signal()
                self.process.wait()
            self._reaped(self.process.returncode)
        return self.process.returncode

    kill = stop

    @property
    def has_ended(self):
        return self.process.poll() is not None

    @property
    def pid(self):
        return self.process.pid


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def cpu_seconds(*servers):
    """Processor time of servers and of all that they started and that still runs."""
    sessions = {server.pid for server in servers}
    ticks = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        if int(fields[3]) in sessions:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def machine_cpu_seconds():
    """Processor time of everything on this machine, idle time left out."""
    user, nice, system, _, _, irq, soft, *_ = (
        int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:])
    return (user + nice + system + irq + soft) / TICKS


def resident_mb(pid):
    return _status(pid, "VmRSS") * 1024 / 1e6


def threads(pid):
    return _status(pid, "Threads")


def files(pid):
    """Open files; `None` where only root may look, as Vigil forbids it to others."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        return None


def _status(pid, name):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0
