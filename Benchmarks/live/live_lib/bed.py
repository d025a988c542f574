"""What there is to watch: nginx with its RTMP module, and ffmpeg processes that publish to it.

Ten publishers send to twenty names each: with a process for each name, sending would cost more
than watching. They begin one after the other within one distance of keyframes, as streams do; the
twenty of one publisher have theirs at the same moment.
"""

import os
import time
import urllib.request
from pathlib import Path

from compare_lib.measure import Failure, say

from .process import Server, free_port

MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
NAMES_EACH = 20
KEYFRAMES_S = 2
FOREVER_S = 6 * 3600

# Half of it detailed and noisy, half flat.
PICTURE = ("testsrc2=s={half}x{height}:r=30:d=20,noise=alls=10:allf=t[a];"
           "gradients=s={half}x{height}:r=30:d=20:speed=0.01[b];[a][b]hstack,format=yuv420p")

NGINX = """\
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log error;
load_module {module};
events {{ worker_connections 8192; }}
rtmp {{
    server {{
        listen 127.0.0.1:{rtmp};
        chunk_size 4096;
        drop_idle_publisher 10s;
        application live {{ live on; idle_streams off; }}
    }}
}}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{ application/vnd.apple.mpegurl m3u8; application/dash+xml mpd; video/mp2t ts; }}
    server {{ listen 127.0.0.1:{http}; root {folder}/hls; sendfile on; }}
}}
"""


def film(runner, folder, width, height, kbps):
    """Makes a film of 20 s, or takes the one that was made before."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"film-{height}p-{kbps}k.flv"
    if target.exists():
        return target
    say(f"making {target.name}")
    making = runner.path("film.flv")
    picture = PICTURE.format(half=width // 2, height=height)
    runner.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-filter_complex", picture,
                "-c:v", "libx264", "-preset", "veryfast", "-b:v", f"{kbps}k",
                "-maxrate", f"{kbps}k", "-bufsize", f"{2 * kbps}k", "-g", 30 * KEYFRAMES_S,
                "-keyint_min", 30 * KEYFRAMES_S, "-sc_threshold", 0, "-bf", 2, making])
    # On the other file system nothing half made may lie.
    beside = target.with_suffix(".part")
    beside.write_bytes(making.read_bytes())
    beside.rename(target)
    return target


class Bed:
    """nginx and its publishers; `close` stops them."""

    def __init__(self, runner, cores, module=MODULE):
        if not module.exists():
            raise Failure(f"no {module} (Debian: libnginx-mod-rtmp); or --rtmp-module PATH")
        self.runner, self.cores = runner, cores
        self.folder = runner.path("nginx")
        (self.folder / "hls").mkdir(parents=True)
        self.rtmp, self.http = free_port(), free_port()
        configuration = self.folder / "nginx.conf"
        configuration.write_text(NGINX.format(
            folder=self.folder, module=module, rtmp=self.rtmp, http=self.http,
            user="user root;" if os.geteuid() == 0 else ""))
        self.publishers = []
        self.nginx = self.start(["nginx", "-e", self.folder / "nginx.log", "-c", configuration])
        self._wait_for(f"http://127.0.0.1:{self.http}/", any_answer=True)

    def start(self, command):
        """Starts a server on the bed's cores; whoever asks for it stops it."""
        return Server(command, self.runner.path("bed.log"), FOREVER_S, cores=self.cores)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for server in [*self.publishers, self.nginx]:
            server.stop()

    def publish(self, film, streams):
        """Publishes the film under so many names; returns their addresses."""
        say(f"publishing {streams} streams")
        names = [f"s{number}" for number in range(streams)]
        addresses = [f"rtmp://127.0.0.1:{self.rtmp}/live/{name}" for name in names]
        count = -(-streams // NAMES_EACH)
        for number in range(count):
            mine = addresses[number * NAMES_EACH:(number + 1) * NAMES_EACH]
            targets = "|".join(f"[f=flv:onfail=ignore]{address}" for address in mine)
            self.publishers.append(self.start(
                ["ffmpeg", "-nostdin", "-v", "error", "-re", "-stream_loop", -1, "-i", film,
                 "-map", 0, "-c", "copy", "-f", "tee", targets]))
            time.sleep(KEYFRAMES_S / count)
        time.sleep(2)
        self.check()
        return addresses

    def publish_alone(self, film, name):
        """Publishes the film under one more name; returns its address."""
        address = f"rtmp://127.0.0.1:{self.rtmp}/live/{name}"
        self.publishers.append(self.start(
            ["ffmpeg", "-nostdin", "-v", "error", "-re", "-stream_loop", -1, "-i", film,
             "-map", 0, "-c", "copy", "-f", "flv", address]))
        time.sleep(2)
        self.check()
        return address

    def unpublish(self, left):
        """Stops the publishers of all but so many streams, a multiple of `NAMES_EACH`.

        Those that stay are spread over all, so that their keyframes are as far apart as before.
        Returns the numbers of their streams.
        """
        count, keep = len(self.publishers), -(-left // NAMES_EACH)
        kept = [place * count // keep for place in range(keep)]
        for number, server in enumerate(self.publishers):
            if number not in kept:
                server.stop()
        self.publishers = [self.publishers[number] for number in kept]
        return [number * NAMES_EACH + name for number in kept for name in range(NAMES_EACH)]

    def segment(self, film, inputs):
        """Offers the film as one live playlist under so many addresses; returns them."""
        playlist = self.folder / "hls/live.m3u8"
        self.publishers.append(self.start(
            ["ffmpeg", "-nostdin", "-v", "error", "-re", "-stream_loop", -1, "-i", film,
             "-c", "copy", "-f", "hls", "-hls_time", KEYFRAMES_S, "-hls_list_size", 6,
             "-hls_delete_threshold", 6, "-hls_flags", "delete_segments+temp_file", playlist]))
        address = f"http://127.0.0.1:{self.http}/live.m3u8"
        self._wait_for(address)
        time.sleep(3 * KEYFRAMES_S)
        return [f"{address}?n={number}" for number in range(inputs)]

    def check(self):
        """Fails where a part of the bed has ended: nothing measured then means anything."""
        for server in [*self.publishers, self.nginx]:
            if server.has_ended:
                raise Failure(f"{server.name} of the bed has ended: {server.said()}")

    def _wait_for(self, url, any_answer=False):
        for _ in range(100):
            self.check()
            try:
                urllib.request.urlopen(url, timeout=2).close()
                return
            except urllib.error.HTTPError:
                if any_answer:
                    return
            except OSError:
                pass
            time.sleep(0.2)
        raise Failure(f"nothing answers at {url}")
