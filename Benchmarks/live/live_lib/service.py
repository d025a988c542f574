"""The program under test: `vigil serve` with its state in a temporary folder, and its API."""

import base64
import http.client
import json
import os
import random
import re
import time
from dataclasses import dataclass

from compare_lib.measure import Failure, say

from .process import Server, files, resident_mb, threads

HASHES = 100_000
BEGIN_S = 30
FOREVER_S = 6 * 3600

PIPELINE = """\
serve:
  listen: 127.0.0.1:0
  tokens: {folder}/tokens
  known: [{known}]
  key_file: {key}
  state: {folder}/state
  max_streams: 2000
egress:
  allow: [127.0.0.0/8]
run:
  jobs: {jobs}
"""

# A media server whose hooks are asked without a stream being watched.
HOOKS = """\
servers:
  - name: edge
    kind: nginx-rtmp
"""


def known_set(runner, program, media=None):
    """A sealed set of random hashes, which nothing matches, and of a film; and its key."""
    listing, key = runner.path("random.txt"), runner.path("key")
    draw = random.Random("live")
    listing.write_text("".join(f"{draw.getrandbits(256):064x}\n" for _ in range(HASHES)))
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(base64.b64encode(os.urandom(32)).decode() + "\n")
    target = runner.path("random.vigil")
    say(f"sealing a known set of {HASHES:,} random hashes")
    runner.run([program, "known", "build", target, "--name", "random", "--key-file", key,
                "--from", listing, *(["--media", media] if media else [])])
    return target, key


@dataclass
class Process:
    """What the system says of the service."""
    resident_mb: float
    threads: int
    files: int | None


class Service:
    """A running `vigil serve`; `close` ends it."""

    def __init__(self, runner, program, known, cores, hooks=False):
        folder = runner.path("service")
        folder.mkdir()
        pipeline = folder / "live.yaml"
        pipeline.write_text(PIPELINE.format(
            folder=folder, known=known[0], key=known[1], jobs=len(cores))
            + (HOOKS if hooks else ""))
        token = lambda role: runner.output(
            [program, "token", "--role", role, "--name", role, "--file", folder / "tokens"]).strip()
        self.token, self.hook_token = token("operator"), token("hook")
        self.log = runner.path("serve.log")
        self.server = Server(
            [program, "serve", "--pipeline", pipeline, "--log-level", "notice"], self.log,
            FOREVER_S, cores=cores)
        try:
            self.port = self._port()
        except BaseException:
            self.server.stop()
            raise
        self.connection = None

    def _port(self):
        ends = time.monotonic() + BEGIN_S
        while time.monotonic() < ends and not self.server.has_ended:
            found = re.search(r"listening at http://127\.0\.0\.1:(\d+)", self.log.read_text())
            if found:
                return int(found[1])
            time.sleep(0.1)
        raise Failure(f"vigil serve does not listen: {self.server.said()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()

    @property
    def pid(self):
        return self.server.pid

    def process(self):
        if self.server.has_ended:
            raise Failure(f"vigil serve has ended: {self.server.said()}")
        return Process(resident_mb(self.pid), threads(self.pid), files(self.pid))

    # --- the API ----------------------------------------------------------------------------

    def ask(self, method, path, body=None):
        """The body of an answer, as text."""
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                self.connection.request(
                    method, path, json.dumps(body) if body else None,
                    {"Authorization": f"Bearer {self.token}"})
                answer = self.connection.getresponse()
                text = answer.read().decode()
                break
            except (http.client.HTTPException, OSError) as error:
                # A connection that was not used for long may be closed.
                self.connection.close()
                self.connection = None
                if attempt == 2:
                    raise Failure(f"{method} {path}: {error!r}; {self.server.said()}") from error
        if answer.status >= 300:
            raise Failure(f"{method} {path} answered {answer.status}: {text[:200]}")
        return text

    def ask_health(self, timeout):
        """Asks on a connection of its own, as an orchestrator does."""
        self._ask_alone("GET", "/healthz", None, timeout)

    def ask_hook(self, timeout):
        """A viewer's hook, which is answered and changes nothing."""
        self._ask_alone("POST", f"/v1/hooks/nginx-rtmp?server=edge&token={self.hook_token}",
                        "call=play&app=live&name=one&addr=192.0.2.7&clientid=1", timeout)

    def _ask_alone(self, method, path, form, timeout):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
            connection.request(method, path, form, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise Failure(f"{path.partition('?')[0]} answered {answer.status}")
        finally:
            connection.close()

    def add(self, addresses):
        """Has them watched; returns their ids."""
        return [json.loads(self.ask("POST", "/v1/streams", {"url": address}))["id"]
                for address in addresses]

    def remove(self, ids):
        for stream in ids:
            self.ask("DELETE", f"/v1/streams/{stream}")

    def stream(self, stream):
        return json.loads(self.ask("GET", f"/v1/streams/{stream}"))

    def statuses(self):
        """The status of every watched stream, by its id."""
        found, query = {}, ""
        while True:
            page = json.loads(self.ask("GET", f"/v1/streams?limit=500{query}"))
            found.update((item["id"], item.get("status") or {}) for item in page["items"])
            if not page.get("next"):
                return found
            query = f"&before={page['next']}"

    def alerts(self, limit):
        """The latest alerts."""
        return json.loads(self.ask("GET", f"/v1/alerts?limit={limit}"))["items"]

    def metrics(self):
        """The figures of /metrics, by name and labels as they stand there."""
        found = {}
        for line in self.ask("GET", "/metrics").splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[name] = float(value)
        return found

    def wait_until_connected(self, count, limit_s):
        """Waits until so many streams are read and have sent a keyframe."""
        ends = time.monotonic() + limit_s
        while True:
            ready = sum(status.get("connection") == "connected" and status.get("keyframes", 0) > 0
                        for status in self.statuses().values())
            if ready >= count:
                return
            if time.monotonic() > ends:
                raise Failure(f"{ready} of {count} streams are read after {limit_s} s")
            time.sleep(0.5)
