"""Several children at a time, on one thread: each is started when another has ended."""

import os

from compare_lib.measure import Failure


def run_all(runner, commands, jobs, done):
    """Runs (key, command) pairs; `done(key, failure or None)` as each ends, in any order."""
    running, waiting = {}, iter(commands)
    try:
        while True:
            while len(running) < jobs and (task := next(waiting, None)):
                key, command = task
                child = runner.start(command)
                running[child.process.pid] = key, child
            if not running:
                return
            _one(running, done)
    finally:
        for _, child in running.values():
            child.kill()


def _one(running, done):
    """Waits for any child that was started here, and leaves it to be reaped by its owner."""
    pid = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT).si_pid
    key, child = running.pop(pid)
    try:
        child.finish()
    except Failure as failure:
        done(key, failure)
    else:
        done(key, None)
