"""What hostile callers and publishers cost fifty ordinary streams: nothing may reach those.

Everything is sent over loopback, bounded in count and time: connections that never become requests,
manifests whose limits multiply, and streams of very large pictures.
"""

import http.client
import http.server
import json
import socket
import threading
import time
from pathlib import Path

from compare_lib.measure import Failure, say

from .parts import SETTLE_S
from .process import free_port
from .rows import judged, told
from .window import watch

ORDINARY = 50
ANSWER_S = 1.0  # health and hooks answer within
LISTS_MB, LARGE_MB = 50, 150  # more memory that the hostile part may take, resident
DELETE_S, END_S = 2.0, 5.0
CONNECTIONS, CONNECTIONS_S = 900, 60


def hostile(setup, minutes):
    """The three parts, each with streams of its own."""
    return [*connections(setup), *lists(setup, minutes), *pictures(setup, minutes)]


# --- connections ----------------------------------------------------------------------------


def connections(setup):
    """Connections that send one byte each, opened anew as soon as they are closed."""
    part = f"{CONNECTIONS} connections that send one byte, for {CONNECTIONS_S} s"
    with setup.bed() as bed, setup.service(hooks=True) as service:
        service.add(bed.publish(setup.film(), 1))
        ends = time.monotonic() + CONNECTIONS_S
        flood = threading.Thread(target=_flood, args=(service.port, ends))
        flood.start()
        health, hooks, failed = [], [], []
        while time.monotonic() < ends:
            for kind, seconds, ask in (("health", health, service.ask_health),
                                       ("hook", hooks, service.ask_hook)):
                started = time.monotonic()
                try:
                    ask(timeout=10)
                    seconds.append(time.monotonic() - started)
                except (OSError, http.client.HTTPException, Failure) as error:
                    failed.append(f"{kind}: {error!r}")
            time.sleep(0.2)
        flood.join()
    rows = [judged(part, f"slowest answer to {name}", f"within {ANSWER_S:g} s, each time",
                   f"{max(seconds, default=-1):.3f} s of {len(seconds)}",
                   bool(seconds) and max(seconds) <= ANSWER_S)
            for name, seconds in (("/healthz", health), ("a hook", hooks))]
    return rows + [judged(part, "answers that failed", "0",
                          f"{len(failed)}{' ' + failed[0] if failed else ''}", not failed)]


def _flood(port, ends):
    held = []
    while time.monotonic() < ends:
        while len(held) < CONNECTIONS and time.monotonic() < ends:
            try:
                connection = socket.create_connection(("127.0.0.1", port), timeout=1)
                connection.sendall(b"P")
            except OSError:
                break
            connection.setblocking(False)
            held.append(connection)
        held = [connection for connection in held if _is_open(connection)]
        time.sleep(0.1)
    for connection in held:
        connection.close()


def _is_open(connection):
    try:
        if connection.recv(64):
            return True
    except BlockingIOError:
        return True
    except OSError:
        pass
    connection.close()
    return False


# --- manifests ------------------------------------------------------------------------------


def manifest(size):
    """A manifest of about so many bytes, of which every Period has ten thousand segments."""
    period = ('<Period id="{0}" start="PT{1}S" duration="PT20000S"><AdaptationSet '
              'mimeType="video/mp4"><SegmentTemplate timescale="1" duration="2" '
              'media="{2}$Number$" initialization="i"/><Representation id="r" '
              'bandwidth="500000" width="640" height="360"/></AdaptationSet></Period>')
    count = 60
    name = "a" * max(1, size // count - len(period) - 8)
    body = "".join(period.format(number, number * 20_000, name) for number in range(count))
    return ('<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
            f'mediaPresentationDuration="PT{count * 20_000}S">{body}</MPD>').encode()


class Manifests:
    """Serves one manifest under every path."""

    def __init__(self, body):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                found = self.path.partition("?")[0].endswith(".mpd")
                sent = body if found else b"no"
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "application/dash+xml")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                try:
                    self.wfile.write(sent)
                except OSError:
                    pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def address(self, number):
        return f"http://127.0.0.1:{self.server.server_address[1]}/{number}.mpd"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def lists(setup, minutes):
    """Two watches of manifests whose limits multiply, beside ordinary streams."""
    part = f"two manifests of 67 kB beside {ORDINARY} RTMP streams"
    server = Manifests(manifest(67_000))
    try:
        with setup.bed() as bed, setup.service() as service:
            service.add(bed.publish(setup.film(), ORDINARY))
            service.wait_until_connected(ORDINARY, 60)
            time.sleep(SETTLE_S)
            before = watch("before the manifests", service, bed, 20)
            ids = service.add([server.address(number) for number in range(2)])
            window = watch("manifests", service, bed, 60 * min(minutes, 2))
            rows = undisturbed(part, service, before, window, ids, LISTS_MB)
            rows += [deleted(part, service, ids)]
            service.add([server.address(number) for number in range(2, 4)])
            time.sleep(3)
            return rows + [ended(part, service)]
    finally:
        server.close()


def undisturbed(part, service, before, window, hostile_ids, most_mb):
    """That the ordinary streams lost nothing, in how much more memory, and why the others failed."""
    statuses = service.statuses()
    ordinary = [status for stream, status in statuses.items() if stream not in hostile_ids]
    dropped = sum(status["dropped"] for status in ordinary)
    samples = sum(status["samples"] for status in ordinary)
    grown = window.peak_mb - before.peak_mb
    share = lambda stretch: stretch.cores["service"]
    rows = [judged(part, "keyframes of the ordinary streams dropped", "0",
                   f"{dropped}; {samples} looked at", dropped == 0 and samples > 0),
            judged(part, "memory at its peak, against before", f"at most {most_mb} MB more",
                   f"{grown:+.1f} MB", grown <= most_mb),
            told(part, "cores that the service took, before and then",
                 f"{share(before):.2f}, {share(window):.2f}")]
    for stream in hostile_ids:
        rows.append(told(part, "told of a hostile one", reason(statuses.get(stream, {}))))
    return rows


def reason(status):
    shown = {name: status[name] for name in ("connection", "problem", "reason", "keyframes",
                                             "samples", "undecodable") if status.get(name)}
    return json.dumps(shown, ensure_ascii=False).replace("|", "\\|")


def readers(service):
    """Threads of the service that read a stream."""
    found = 0
    for task in Path(f"/proc/{service.pid}/task").iterdir():
        try:
            found += (task / "comm").read_text().startswith("read-")
        except OSError:
            pass  # ended meanwhile
    return found


def deleted(part, service, ids):
    """How long each takes to be gone, reader and all."""
    slowest = 0.0
    for stream in ids:
        left, started = readers(service) - 1, time.monotonic()
        service.remove([stream])
        while readers(service) > left and time.monotonic() - started < 30:
            time.sleep(0.02)
        slowest = max(slowest, time.monotonic() - started)
    return judged(part, "a deleted one is gone, its reader too", f"within {DELETE_S:g} s",
                  f"{slowest:.2f} s, the slowest of {len(ids)}", slowest <= DELETE_S)


def ended(part, service):
    started = time.monotonic()
    code = service.server.stop()
    took = time.monotonic() - started
    return judged(part, "the service ends on SIGTERM, with all of them watched",
                  f"within {END_S:g} s, code 0", f"{took:.2f} s, code {code}",
                  took <= END_S and code == 0)


# --- pictures -------------------------------------------------------------------------------


def pictures(setup, minutes):
    """A stream beyond the limit of picture sizes and one at it, beside ordinary ones."""
    part = f"16384x8192 and 4096x2304 beside {ORDINARY} RTMP streams"
    sizes = [(16_384, 8192), (4096, 2304)]
    films = [large_film(setup, *size) for size in sizes]
    with setup.bed() as bed, setup.service() as service:
        service.add(bed.publish(setup.film(), ORDINARY))
        service.wait_until_connected(ORDINARY, 60)
        time.sleep(SETTLE_S)
        before = watch("before the large ones", service, bed, 20)
        ids = service.add([bed.publish_alone(film, f"large{number}")
                           for number, film in enumerate(films)])
        window = watch("large pictures", service, bed, 60 * min(minutes, 2))
        rows = undisturbed(part, service, before, window, ids, LARGE_MB)
        status = service.statuses()[ids[1]]
        rows.append(judged(part, "pictures of 4096x2304 looked at", "some",
                           f"{status['samples']} of {status['keyframes']}",
                           status["samples"] > 0))
        coverage = [service.stream(stream)["coverage"] for stream in ids]
        for (width, height), ledger in zip(sizes, coverage):
            rows.append(told(part, f"ledger of {width}x{height}",
                             json.dumps(ledger).replace("|", "\\|")[:300]))
        rows.append(deleted(part, service, ids))
        return rows + [ended(part, service)]


def large_film(setup, width, height):
    """One picture a second, each second one a keyframe."""
    setup.films.mkdir(parents=True, exist_ok=True)
    target = setup.films / f"film-{width}x{height}.flv"
    if not target.exists():
        say(f"making {target.name}")
        making = setup.runner.path(target.name)
        setup.runner.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
             "testsrc2=s=1024x512:r=1", "-frames:v", 10, "-vf",
             f"scale={width}:{height}:flags=neighbor,format=yuv420p", "-c:v", "libx264",
             "-preset", "ultrafast", "-x264-params",
             "keyint=2:scenecut=0:bframes=0:rc-lookahead=0:sync-lookahead=0:threads=1:qp=45",
             making])
        beside = target.with_suffix(".part")
        beside.write_bytes(making.read_bytes())
        beside.rename(target)
        making.unlink()
    return target
