"""How long after a keyframe's arrival its alert is on disk, with every protocol.

Each watch has a stream of its own that begins with something else and goes on with a mirrored,
re-encoded copy of a known film. All protocols run at the same time, round after round, with new
publishers each time.
"""

import math
import time

from compare_lib.measure import Failure, say

from .process import free_port
from .rows import judged, told
from .service import Service, known_set

LIMIT_S = 1.0
KEYFRAMES_S = 1
OTHER_S, ITEM_S = 6, 7
ROUND_S = 25  # in which a film must have been sent
BEHIND_S = 5  # that segments come later
PLAYLIST_S = 6

OTHER = "testsrc2=s=1280x720:r=25:d={seconds},noise=alls=10:allf=t"
ITEM = "mandelbrot=s=1280x720:r=25:end_scale=0.05:end_pts=250,trim=duration={seconds}"
ENCODER = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "1500k", "-g", 25 * KEYFRAMES_S,
           "-keyint_min", 25 * KEYFRAMES_S, "-sc_threshold", 0, "-bf", 2]

RTSP = """
import sys, gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer, GLib
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
for number in range(1, int(sys.argv[3]) + 1):
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f'( filesrc location="{sys.argv[2]}" ! qtdemux ! '
                       'h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 )')
    server.get_mount_points().add_factory(f"/s{number}", factory)
server.attach(None)
GLib.MainLoop().run()
"""


def films(runner):
    """The known film, and the stream that goes over to a copy of it."""
    say("making the films of part latency")
    item, stream = runner.path("item.mp4"), runner.path("stream.mp4")
    encode = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
    picture = ITEM.format(seconds=ITEM_S)
    runner.run([*encode, "-filter_complex", f"{picture},format=yuv420p", *ENCODER, item])
    runner.run([*encode, "-i", item, "-filter_complex",
                f"{OTHER.format(seconds=OTHER_S)},format=yuv420p,setsar=1[a];"
                "[0:v]hflip,format=yuv420p,setsar=1[b];[a][b]concat=n=2", *ENCODER, stream])
    return item, stream


class Publishers:
    """What publishes one film over every protocol; `close` stops all of it."""

    def __init__(self, bed, stream, most):
        """`most`: streams of a protocol."""
        self.bed, self.stream, self.most = bed, stream, most
        self.running, self.playlists, self.rtsp = [], [], None
        self.protocols = {
            "rtmp": self._rtmp, "hls": self._hls, "dash": self._dash, "rtsp": self._rtsp,
            "srt": self._srt, "udp": self._udp, "tcp": self._tcp, "http-ts": self._http}
        self.count = dict.fromkeys(self.protocols, 0)

    def start(self, protocol):
        """Publishes the film once more; returns where it is watched."""
        self.count[protocol] += 1
        return self.protocols[protocol](f"{protocol}-{self.count[protocol]}")

    def wait_for_playlists(self):
        ends = time.monotonic() + PLAYLIST_S
        while not all(file.exists() for file in self.playlists):
            if time.monotonic() > ends:
                raise Failure("ffmpeg writes no playlist")
            time.sleep(0.1)
        self.playlists = []

    def wait_for_end(self):
        """Waits until the film was sent, or as long as that may take."""
        ends = time.monotonic() + ROUND_S
        while time.monotonic() < ends and not all(each.has_ended for each in self.running):
            time.sleep(0.2)

    def stop(self):
        for publisher in self.running:
            publisher.stop()
        self.running = []

    def close(self):
        self.stop()
        if self.rtsp:
            self.rtsp.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _ffmpeg(self, *to):
        self.running.append(self.bed.start(
            ["ffmpeg", "-nostdin", "-v", "error", "-re", "-i", self.stream, "-c", "copy", *to]))

    def _rtmp(self, name):
        address = f"rtmp://127.0.0.1:{self.bed.rtmp}/live/{name}"
        self._ffmpeg("-f", "flv", address)
        return address

    def _folder(self, name):
        folder = self.bed.folder / "hls" / name
        folder.mkdir()
        return folder, f"http://127.0.0.1:{self.bed.http}/{name}"

    def _hls(self, name):
        folder, address = self._folder(name)
        self._ffmpeg("-f", "hls", "-hls_time", 1, "-hls_list_size", 5, "-hls_flags",
                     "delete_segments+temp_file", folder / "live.m3u8")
        self.playlists.append(folder / "live.m3u8")
        return f"{address}/live.m3u8"

    def _dash(self, name):
        folder, address = self._folder(name)
        self._ffmpeg("-f", "dash", "-seg_duration", 1, "-window_size", 5,
                     "-use_timeline", 1, "-use_template", 1, folder / "live.mpd")
        self.playlists.append(folder / "live.mpd")
        return f"{address}/live.mpd"

    def _rtsp(self, name):
        if self.rtsp is None:
            self.rtsp_port = free_port()
            self.rtsp = self.bed.start(["/usr/bin/python3", "-c", RTSP, self.rtsp_port,
                                        self.stream, self.most])
        return f"rtsp://127.0.0.1:{self.rtsp_port}/s{name.rpartition('-')[2]}"

    def _srt(self, _):
        address = f"srt://127.0.0.1:{free_port()}"
        self._ffmpeg("-f", "mpegts", f"{address}?mode=listener")
        return address

    def _udp(self, _):
        address = f"udp://127.0.0.1:{free_port()}"
        self._ffmpeg("-f", "mpegts", f"{address}?pkt_size=1316")
        return address

    def _tcp(self, _):
        address = f"tcp://127.0.0.1:{free_port()}"
        self._ffmpeg("-f", "mpegts", f"{address}?listen=1")
        return address

    def _http(self, _):
        address = f"http://127.0.0.1:{free_port()}/x.ts"
        self._ffmpeg("-f", "mpegts", "-listen", 1, address)
        return address


def latency(setup, each, rounds):
    """So many watches of each protocol at a time, so many times."""
    item, stream = films(setup.runner)
    known = known_set(setup.runner, setup.program, media=item)
    delays, alerts = {}, {}
    with setup.bed() as bed, Service(setup.runner, setup.program, known, setup.cores) as service, \
            Publishers(bed, stream, each * rounds) as publishers:
        for number in range(rounds):
            say(f"latency: round {number + 1} of {rounds}")
            for protocol, found in a_round(service, publishers, each):
                alerts.setdefault(protocol, []).append(len(found))
                delays.setdefault(protocol, []).extend(found)
        metrics = service.metrics()
    part = (f"Alerts: {each} streams of each protocol at a time, 720p25, a keyframe a second, "
            f"{rounds} times")
    rows = []
    for protocol, counts in alerts.items():
        one = sum(count == 1 for count in counts)
        values = sorted(delays[protocol])
        rows.append(judged(part, f"{protocol}: streams with exactly one alert",
                           f"{len(counts)}", f"{one}", one == len(counts)))
        if values:
            worst = values[math.ceil(0.99 * len(values)) - 1]
            rows.append(judged(
                part, f"{protocol}: the keyframe's arrival to the alert, p99",
                f"at most {LIMIT_S:g} s", f"{worst:.3f} s (median "
                f"{values[len(values) // 2]:.3f} s, {len(values)} alerts)", worst <= LIMIT_S))
    return [*rows, told(part, "of all, on disk within 1 s by the service's own count",
                        within(metrics))]


def within(metrics):
    figures = "vigil_alert_delay_seconds"
    early = metrics.get(figures + '_bucket{le="1.0"}', 0)
    return f"{early:.0f} of {metrics.get(figures + '_count', 0):.0f}"


def a_round(service, publishers, each):
    """The delays of each stream's alerts, with the stream's protocol."""
    addresses = [(protocol, publishers.start(protocol))
                 for _ in range(each) for protocol in publishers.protocols]
    publishers.wait_for_playlists()
    ids = dict(zip(service.add([address for _, address in addresses]),
                   [protocol for protocol, _ in addresses]))
    publishers.wait_for_end()
    time.sleep(BEHIND_S)
    found = {}
    for alert in service.alerts(2 * len(ids)):
        stream = alert["stream"]
        delay = alert["opened_unix_ms"] - stream["frame_arrived_unix_ms"]
        found.setdefault(stream["id"], []).append(delay / 1000)
    for stream, protocol in ids.items():
        if len(found.get(stream, [])) != 1:
            say(f"latency: {protocol}: {len(found.get(stream, []))} alerts of a stream whose "
                f"status is {service.stream(stream)}")
    service.remove(ids)
    publishers.stop()
    return [(protocol, found.get(stream, [])) for stream, protocol in ids.items()]
