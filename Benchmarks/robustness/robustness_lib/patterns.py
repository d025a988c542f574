"""Videos that nobody's known set should find: test pictures, plain fields, text, noise, and
slideshows of unrelated stills. Made with ffmpeg, once."""

import hashlib
import os
import random

from compare_lib.measure import say

from . import pictures
from .edits import EVEN, X264
from .pool import run_all

SECONDS = 20
SIZE = "s=640x360:r=30"
COLOURS = "n=4:c0=0x703010:c1=0x2090a0:c2=0xd0c080:c3=0x302040"  # else drawn by chance
TEXT = "drawtext=fontcolor=white:fontsize=h/12:x=(w-text_w)/2"
_LINES = "\n".join(f"name {number} and what it did" for number in range(1, 41))

PATTERNS = {
    "testsrc": f"testsrc={SIZE}",
    "testsrc2": f"testsrc2={SIZE}",
    "smptebars": f"smptebars={SIZE}",
    "smptehdbars": f"smptehdbars={SIZE}",
    "pal75bars": f"pal75bars={SIZE}",
    "pal100bars": f"pal100bars={SIZE}",
    "rgbtestsrc": f"rgbtestsrc={SIZE}",
    "yuvtestsrc": f"yuvtestsrc={SIZE}",
    "allyuv": "allyuv=r=5,scale=640:640",
    "allrgb": "allrgb=r=5,scale=640:640",
    "haldclut": "haldclutsrc=level=6:r=10",
    "colour_chart": "colorchart=r=30",
    "colour_spectrum": f"colorspectrum={SIZE}",
    "mandelbrot": f"mandelbrot={SIZE}",
    "mandelbrot_near": f"mandelbrot={SIZE}:start_scale=0.02:end_pts=900",
    "life": "life=s=320x180:r=10:ratio=0.3:seed=3,scale=640:360:flags=neighbor",
    "life_mould": "life=s=160x90:r=30:ratio=0.5:seed=4:mold=20:life_color=white:"
                  "death_color=#303030,scale=640:360",
    "cellauto": "cellauto=s=320x180:rule=30:seed=5:r=30,scale=640:360:flags=neighbor",
    "cellauto_110": "cellauto=s=320x180:rule=110:seed=6:r=30,scale=640:360:flags=neighbor",
    "sierpinski_carpet": f"sierpinski={SIZE}:type=carpet:seed=7",
    "sierpinski_triangle": f"sierpinski={SIZE}:type=triangle:seed=8",
    "gradients_linear": f"gradients={SIZE}:seed=9:speed=0.02:{COLOURS}",
    "gradients_radial": f"gradients={SIZE}:seed=10:speed=0.02:type=radial:{COLOURS}",
    "gradients_spiral": f"gradients={SIZE}:seed=11:speed=0.02:type=spiral:{COLOURS}",
    "black": f"color=black:{SIZE}",
    "white": f"color=white:{SIZE}",
    "grey": f"color=0x808080:{SIZE}",
    "red_fade": f"color=red:{SIZE},fade=in:0:150,fade=out:450:150",
    "noise_only": f"color=0x808080:{SIZE},noise=alls=100:allf=t",
    "noise_fixed": f"color=0x808080:{SIZE},noise=alls=100",
    "static_blurred": f"color=0x808080:{SIZE},noise=alls=100:allf=t,gblur=sigma=12,eq=contrast=8",
    "checkers": f"color=black:{SIZE},geq=lum='255*mod(floor(X/40)+floor(Y/40),2)':cb=128:cr=128",
    "stripes": f"color=black:{SIZE},geq=lum='255*mod(floor((X+T*20)/32),2)':cb=128:cr=128",
    "rings": f"color=black:{SIZE},geq=lum='128+127*sin(hypot(X-W/2,Y-H/2)/9-T)':cb=128:cr=128",
    "waves": f"color=black:{SIZE},geq=lum='128+60*sin(X/31+T)+60*cos(Y/23-T)':cb=128:cr=128",
    "vignette_field": f"color=0xc0c0c0:{SIZE},vignette=PI/3",
    "title_card": f"color=black:{SIZE},{TEXT}:text='A title':y=h*.45",
    "legal_card": f"color=0x101080:{SIZE},{TEXT}:text='All rights reserved':y=h*.3,"
                  f"{TEXT}:text='Do not copy':y=h*.6",
    "credits": f"color=black:{SIZE},{TEXT}:text='{_LINES}':y=h-t*60",
    "countdown": f"color=white:{SIZE},drawtext=fontsize=h/2:x=(w-text_w)/2:y=(h-text_h)/2:"
                 "text='%{eif\\:20-t\\:d}'",
    # what a search for inner pictures may take for one
    "bars_letterboxed": "smptebars=s=640x270:r=30,pad=640:360:0:45",
    "pattern_in_white": "testsrc2=s=480x270:r=30,pad=640:360:80:45:white",
    "field_in_window": "color=0xf0f0f0:s=640x360:r=30,drawgrid=w=80:h=40:t=1:c=0xbbbbbb,"
                       "drawbox=x=40:y=40:w=320:h=180:color=0x406080:t=fill",
    "two_halves": "testsrc=s=320x360:r=30,split[a][b];[b]hflip,negate[c];[a][c]hstack",
}
QUICK_PATTERNS = ("testsrc2", "smptebars", "black", "credits", "noise_only", "pattern_in_white")

SLIDES, SLIDE_SECONDS, SLIDE_RATE, SLIDE_SIDE = 300, 2, 5, 128
# The rate is the output's: a filter for it would start anew, and lose its picture, with each size.
_FILL = "scale=640:360:force_original_aspect_ratio=increase,crop=640:360"
_FIT = "scale=640:360:force_original_aspect_ratio=decrease,pad=640:360:(ow-iw)/2:(oh-ih)/2"


def make(runner, folder, names, jobs):
    """The patterns that ffmpeg could make, and why others could not be."""
    folder.mkdir(parents=True, exist_ok=True)
    commands = {
        folder / f"{name}-{_short(PATTERNS[name])}.mp4":
            ["-f", "lavfi", "-t", SECONDS, "-i", PATTERNS[name], "-vf", f"{EVEN},format=yuv420p",
             *X264] for name in names}
    return _make(runner, commands, jobs)


def slideshows(runner, folder, paths, jobs, slides=SLIDES):
    """Videos of stills, each shown for a while from a keyframe on: filling the picture, and whole
    between bars. ffmpeg's list of files takes one codec, so each has its own."""
    folder.mkdir(parents=True, exist_ok=True)
    commands = {}
    for kind, suffixes in (("jpeg", (".jpg", ".jpeg")), ("png", (".png",))):
        fit = [path for path in paths if path.suffix.lower() in suffixes and _large(path)]
        chosen = random.Random(kind).sample(fit, min(slides, len(fit)))
        if not chosen:
            continue
        text = "ffconcat version 1.0\n" + "".join(
            f"file '{path}'\nduration {SLIDE_SECONDS}\n" for path in chosen)
        listing = folder / f"{kind}.ffconcat"
        listing.write_text(text)
        for way, chain in (("fill", _FILL), ("fit", _FIT)):
            commands[folder / f"{kind}-{way}-{_short(text)}.mp4"] = [
                "-f", "concat", "-safe", "0", "-i", listing, "-vf",
                f"{chain},setsar=1,format=yuv420p", "-r", SLIDE_RATE, "-t",
                SLIDE_SECONDS * len(chosen), *X264, "-g", SLIDE_RATE * SLIDE_SECONDS,
                "-keyint_min", SLIDE_RATE * SLIDE_SECONDS]
    return _make(runner, commands, jobs)


def _large(path):
    with open(path, "rb") as file:
        size = pictures.size(file.read(1 << 18))
    return size is not None and min(size) >= SLIDE_SIDE and "'" not in str(path)


def _short(text):
    """Part of the name, so that what changed is made again."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _make(runner, commands, jobs):
    missing = {}

    def done(target, failure):
        partial = target.with_name(f".partial-{target.name}")
        if failure:
            partial.unlink(missing_ok=True)
            missing[target.stem.rsplit("-", 1)[0]] = str(failure)
        else:
            os.replace(partial, target)

    wanted = [(target, ["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments,
                        target.with_name(f".partial-{target.name}")])
              for target, arguments in commands.items() if not target.exists()]
    if wanted:
        say(f"making {len(wanted)} unrelated videos")
    run_all(runner, wanted, jobs, done)
    return sorted(target for target in commands if target.exists()), missing
