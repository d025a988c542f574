"""Thousands of still pictures that have nothing to do with the clips: those of Debian packages.

Wallpapers, clip art, photographs, maps, screenshots of manuals and what games are painted with.
Packages are fetched with `apt-get download` and only their pictures are taken out, to
WORK/stills/<package>/; nothing is installed. Both the sum of what is fetched and what one package
may add to a scan are bounded. A package that cannot be had is named, with the reason.
"""

import hashlib
import json
import random
import re
import shutil
import tarfile
from dataclasses import asdict, dataclass

from compare_lib.measure import Failure, say

from . import pictures

PACKAGES = (
    "desktop-base", "gnome-backgrounds", "mate-backgrounds", "plasma-workspace-wallpapers",
    "lxqt-themes", "lomiri-wallpapers", "lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04",
    "ukui-wallpapers", "sway-backgrounds", "openclipart-png", "tuxpaint-stamps-default",
    "debian-handbook", "gimp-help-en", "gnome-user-docs", "kicad-doc-en", "marble-data",
    "kstars-data", "khangman", "pingus-data", "freeciv-data", "lincity-ng-data",
    "extremetuxracer-data", "minetest-data", "hedgewars-data", "wesnoth-1.16-data")
QUICK_PACKAGES = ("desktop-base", "debian-handbook", "khangman")
DOWNLOAD_BYTES = 1_500_000_000  # of all packages together
SMALLEST_SIDE = 64
MOST_OF_A_PACKAGE = 600  # of which pictures are drawn by lot where there are more
LARGEST_FILE = 64 << 20


@dataclass
class Package:
    name: str
    version: str = ""
    stills: int = 0
    why_not: str = ""


class Stills:
    def __init__(self, runner, work):
        self.runner, self.folder = runner, work / "stills"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.left = DOWNLOAD_BYTES

    def fetch(self, names):
        """The packages, and the pictures of each that are to be scanned."""
        packages, paths = [], []
        for name in names:
            package = self._package(name)
            packages.append(package)
            if package.why_not:
                say(f"  {name}: {package.why_not}")
                continue
            here = sorted(path for path in (self.folder / name).iterdir()
                          if not path.name.startswith("."))
            paths += draw(here, name)
            package.stills = min(len(here), MOST_OF_A_PACKAGE)
            if len(here) > package.stills:
                package.why_not = f"drawn from {len(here):,}"
        return packages, paths

    def _package(self, name):
        note = self.folder / name / ".package"
        if note.exists():
            return Package(**json.loads(note.read_text()))
        package = Package(name)
        try:
            package.version = self._get(name)
        except Failure as failure:
            package.why_not = f"cannot be had: {failure}"
        else:
            note.write_text(json.dumps(asdict(package)))
        return package

    def _get(self, name):
        said = self.runner.output(["apt-get", "download", "--print-uris", name]).split()
        if len(said) < 3:
            raise Failure("apt-get knows no such package")
        size = int(said[2])
        if size > self.left:
            raise Failure(f"{size >> 20} MiB are beyond the {DOWNLOAD_BYTES >> 20} MiB that all "
                          "packages may take")
        self.left -= size
        say(f"fetching {name}, {size >> 20} MiB")
        box = self.runner.path("package")
        box.mkdir()
        try:
            return self._unpack(name, box)
        finally:
            shutil.rmtree(box, ignore_errors=True)

    def _unpack(self, name, box):
        # apt-get writes where it stands; sh only changes the folder.
        self.runner.run(["sh", "-c", 'cd "$1" && exec apt-get -q download "$2"', "sh", box, name])
        archive = next(box.glob("*.deb"), None)
        if archive is None:
            raise Failure("apt-get left no package")
        version = self.runner.output(["dpkg-deb", "--field", archive, "Version"]).strip()
        files = box / "files.tar"
        self.runner.run(["dpkg-deb", "--fsys-tarfile", archive], stdout=files)
        archive.unlink()
        target = self.folder / name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        take_pictures(files, target)
        return version


def take_pictures(archive, target):
    """Writes each different picture of a tar file that is large enough, under a plain name."""
    seen = set()
    with tarfile.open(archive) as files:
        for member in files:
            if not member.isfile() or not member.name.lower().endswith(pictures.SUFFIXES) \
                    or member.size > LARGEST_FILE:
                continue
            data = files.extractfile(member).read()
            digest, size = hashlib.sha256(data).digest(), pictures.size(data)
            if size is None or min(size) < SMALLEST_SIDE or digest in seen:
                continue
            seen.add(digest)
            plain = re.sub(r"[^A-Za-z0-9._-]", "_", member.name.rsplit("/", 1)[-1])[-60:]
            (target / f"{len(seen):05}-{plain}").write_bytes(data)


def draw(paths, seed, most=MOST_OF_A_PACKAGE):
    """All, or as many as may be, by a lot that falls the same each time."""
    return paths if len(paths) <= most else sorted(random.Random(seed).sample(paths, most))
