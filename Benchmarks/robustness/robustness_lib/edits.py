"""The edits: what is done to a clip, as the arguments that ffmpeg is given.

Two lists. The *floor* is what every matcher should survive: 53 ways in which content is published
again. *Beyond* are harder or rarer ones, each something that people do to videos. An edit never
depends on chance: moving and noisy backgrounds have fixed seeds.

Clips are brought to 640 pixels on the longer side first, as full size adds time and tests nothing
more. A filter sees that size as `iw` and `ih`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LONGER_SIDE = 640
GROUPS = ("encoding", "colour", "geometry", "borders", "overlays", "time", "placed in", "combined")

EVEN = "scale=trunc(iw/2)*2:trunc(ih/2)*2"
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-g", "60", "-pix_fmt", "yuv420p")


def even(value):
    return int(value) // 2 * 2


@dataclass(frozen=True)
class Source:
    """A clip: its size as the edits see it, and its length."""
    path: Path
    width: int
    height: int
    seconds: float

    @staticmethod
    def shrunk(path, width, height, seconds):
        by = min(1.0, LONGER_SIDE / max(width, height))
        return Source(path, even(width * by), even(height * by), seconds)

    @property
    def fit(self):
        return f"scale={self.width}:{self.height}"


@dataclass(frozen=True)
class Edit:
    name: str
    group: str
    floor: bool
    suffix: str
    arguments: Callable[[Source], list]  # all that stands between "ffmpeg" and the output file


# --- ways of saying what an edit does -----------------------------------------------------------


def filtered(chain=None, encoder=X264, before=()):
    """One chain of filters on the clip; `before` are output options, such as a cut."""
    def arguments(source):
        whole = ",".join(part for part in (source.fit, chain, EVEN) if part)
        return ["-i", source.path, "-an", "-vf", whole, *before, *encoder]
    return arguments


def encoded(*options):
    return filtered(encoder=options)


def graphed(graph, *inputs):
    """A graph over the clip `[0:v]` and generated inputs; as long as the clip. All are templates:
    {w}, {h} are the clip's size, {short} its shorter side, {even[share]} products made even."""
    def arguments(source):
        words = {"w": source.width, "h": source.height, "fit": source.fit,
                 "short": min(source.width, source.height)}
        length = f"{source.seconds:.3f}"
        files = []
        for lavfi in inputs:
            files += ["-f", "lavfi", "-t", length, "-i", lavfi.format(**words)]
        end = f",{EVEN},format=yuv420p[o]"
        return ["-i", source.path, *files, "-filter_complex", graph.format(**words) + end,
                "-map", "[o]", "-an", "-t", length, *X264]
    return arguments


def middle(share):
    """The middle of the clip."""
    def arguments(source):
        seconds = source.seconds * share
        start = (source.seconds - seconds) / 2
        return ["-i", source.path, "-an", "-vf", source.fit, "-ss", f"{start:.3f}",
                "-t", f"{seconds:.3f}", *X264]
    return arguments


def between(before, after, lead, tail, part=None):
    """The clip, or `part` seconds of its middle, between two generated pieces."""
    def arguments(source):
        start = max(0, (source.seconds - part) / 2) if part else 0
        cut = ["-ss", f"{start:.3f}", "-t", f"{part:g}"] if part else []
        size = f"scale={source.width}:{source.height},setsar=1,format=yuv420p"
        graph = (f"[1:v]{source.fit},fps=30,setsar=1,format=yuv420p[c];[0:v]{size}[a];"
                 f"[2:v]{size}[b];[a][c][b]concat=n=3:v=1[o]")
        return ["-f", "lavfi", "-t", str(before), "-i", lead, *cut, "-i", source.path,
                "-f", "lavfi", "-t", str(after), "-i", tail,
                "-filter_complex", graph, "-map", "[o]", "-an", *X264]
    return arguments


def pip(share, x, y, change="", background=""):
    """The clip, smaller, on a generated picture of its own size."""
    graph = (f"[0:v]{change}scale=trunc({{w}}*{share}/2)*2:trunc({{h}}*{share}/2)*2[f];"
             f"[1:v][f]overlay=x={x}:y={y}:shortest=1")
    return graphed(graph, background or SMOOTH)


def screen_recording(source):
    """In the window of a desktop."""
    width, height = 1280, 720
    share = min(width * .72 / source.width, height * .80 / source.height)
    desktop = (f"color=c=0xf0f0f0:s={width}x{height}:r=30,drawgrid=w=160:h=40:t=1:c=0xbbbbbb,"
               "drawbox=x=0:y=0:w=iw:h=40:color=0x333333:t=fill")
    graph = (f"[0:v]scale={even(source.width * share)}:{even(source.height * share)}[f];"
             f"[1:v][f]overlay=x=24:y=64:shortest=1,{EVEN},format=yuv420p[o]")
    length = f"{source.seconds:.3f}"
    return ["-i", source.path, "-f", "lavfi", "-t", length, "-i", desktop,
            "-filter_complex", graph, "-map", "[o]", "-an", "-t", length, *X264]


def other_orientation(source):
    """As apps show it: upright on a wide screen, wide on an upright one, over its own blur."""
    width, height = (640, 360) if source.height > source.width else (360, 640)
    graph = (f"[0:v]{source.fit},split[a][b];"
             f"[a]scale={width}:{height}:force_original_aspect_ratio=increase,"
             f"crop={width}:{height},gblur=sigma=14,eq=brightness=-0.1[bg];"
             f"[b]scale={width}:{height}:force_original_aspect_ratio=decrease,{EVEN}[f];"
             f"[bg][f]overlay=(W-w)/2:(H-h)/2,format=yuv420p[o]")
    return ["-i", source.path, "-filter_complex", graph, "-map", "[o]", "-an", *X264]


# --- pictures made by ffmpeg --------------------------------------------------------------------

# `noise` on the four channels that `gradients` gives turns into a field of coarse noise: kept so,
# because figures of the floor are compared with those of others. SMOOTH is what was meant.
BACKGROUND = ("gradients=s={w}x{h}:c0=0x204060:c1=0x806020:x0=0:y0=0:x1={w}:y1={h}:speed=0.005:"
              "r=30:seed=1,noise=alls=8")
SMOOTH = ("gradients=s={w}x{h}:c0=0x204060:c1=0x806020:x0=0:y0=0:x1={w}:y1={h}:speed=0.005:"
          "r=30:seed=1,format=yuv420p,noise=alls=8")
MOVING = "testsrc2=s={w}x{h}:r=30"
FRACTAL = "mandelbrot=s=320x240:r=30"
LEAD_FRACTAL = FRACTAL + ":start_scale=1"
GREEN_CELLS = "life=s=160x120:r=10:ratio=0.4:seed=7:mold=10:life_color=#40c040:death_color=#203020"
SMALL_MOVING = "testsrc2=s=320x180:r=30"
# Colours that are not named are drawn by chance, whatever the seed.
COLOURS = ("gradients=s=320x180:n=4:c0=0x703010:c1=0x2090a0:c2=0xd0c080:c3=0x302040:speed=0.02:"
           "r=30:seed=9")

# Black with round holes: alpha 0 inside, as one frame that stays.
CORNERS = ("color=black:s={w}x{h}:r=1:d=1,format=yuva420p,geq=lum=16:cb=128:cr=128:"
           "a='255*gt(hypot(max(0,abs(X-W/2)-(W/2-{short}*.22)),"
           "max(0,abs(Y-H/2)-(H/2-{short}*.22))),{short}*.2)',loop=-1:1")
# A yellow face, a third of the shorter side wide.
FACE = ("color=black:s=120x120:r=1:d=1,format=yuva420p,geq="
        "lum='if(lt(hypot(X-42,Y-48),9)+lt(hypot(X-78,Y-48),9)"
        "+gt(Y,66)*lt(abs(hypot(X-60,Y-60)-32),5),30,210)':cb=30:cr=150:"
        "a='255*lt(hypot(X-60,Y-60),56)',loop=-1:1,scale={short}/3:{short}/3")

# --- the floor ----------------------------------------------------------------------------------

_X264_FINE = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "23")
_X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-crf", "28", "-x265-params",
         "log-level=error", "-g", "60", "-pix_fmt")
_LETTERBOX = "pad=iw:trunc(ih*1.35/2)*2:0:(oh-ih)/2:black"
_WHITE = "pad=trunc(iw*1.2/2)*2:trunc(ih*1.2/2)*2:(ow-iw)/2:(oh-ih)/2:white"

# group: name: what it does, or (what it does, suffix)
FLOOR = {
    "encoding": {
        "reencode_crf35": encoded("-c:v", "libx264", "-preset", "veryfast", "-crf", "35", "-g",
                                  "60", "-pix_fmt", "yuv420p"),
        "scale_half": filtered("scale=trunc(iw/4)*2:trunc(ih/4)*2"),
        "scale_240p": filtered("scale=-2:240"),
        "fps_15": filtered("fps=15"),
        "gop_300": encoded(*_X264_FINE, "-g", "300", "-keyint_min", "300", "-sc_threshold", "0",
                           "-pix_fmt", "yuv420p"),
        "hevc": encoded(*_X265, "yuv420p"),
        "hevc_10bit": (encoded(*_X265, "yuv420p10le"), "mkv"),
        "vp9": (encoded("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v",
                        "1M", "-g", "60"), "webm"),
        "av1": (encoded("-c:v", "libsvtav1", "-preset", "12", "-crf", "40", "-g", "60"), "mkv"),
        "mpeg2_interlaced": (filtered("scale=-2:480", ("-c:v", "mpeg2video", "-b:v", "2M",
                                                       "-flags", "+ildct+ilme", "-g", "15")), "ts"),
        "mjpeg": (encoded("-c:v", "mjpeg", "-q:v", "6", "-pix_fmt", "yuvj420p"), "mkv"),
        "yuv444": (encoded(*_X264_FINE, "-g", "60", "-pix_fmt", "yuv444p"), "mkv"),
        "full_range": filtered("scale=out_range=full", (*_X264_FINE, "-g", "60", "-pix_fmt",
                                                        "yuvj420p", "-color_range", "pc")),
    },
    "colour": {
        "grayscale": filtered("hue=s=0"),
        "sepia": filtered("colorchannelmixer=.393:.769:.189:0:.349:.686:.168:0:.272:.534:.131"),
        "brighter": filtered("eq=brightness=0.15"),
        "darker": filtered("eq=brightness=-0.15"),
        "contrast": filtered("eq=contrast=1.4"),
        "hue_shift": filtered("hue=h=90"),
        "invert": filtered("negate"),
        "blur": filtered("gblur=sigma=3"),
        "sharpen": filtered("unsharp=7:7:2"),
        "noise": filtered("noise=alls=25:allf=t"),
        "vignette": filtered("vignette=PI/4"),
    },
    "geometry": {
        "mirror": filtered("hflip"),
        "flip": filtered("vflip"),
        "rotate_90": filtered("transpose=1"),
        "rotate_180": filtered("hflip,vflip"),
        "rotate_4deg": filtered("rotate=4*PI/180:fillcolor=black"),
        "squeeze_4x3": filtered("scale=trunc(ih*4/3/2)*2:ih,setsar=1"),
        "crop_2pct": filtered("crop=trunc(iw*.96/2)*2:trunc(ih*.96/2)*2"),
        "crop_5pct": filtered("crop=trunc(iw*.90/2)*2:trunc(ih*.90/2)*2"),
        "crop_10pct": filtered("crop=trunc(iw*.80/2)*2:trunc(ih*.80/2)*2"),
    },
    "borders": {
        "letterbox": filtered(_LETTERBOX),
        "pillarbox": filtered("pad=trunc(iw*1.6/2)*2:ih:(ow-iw)/2:0:black"),
        "border_white": filtered(_WHITE),
        "border_colour": filtered(
            "pad=trunc(iw*1.3/2)*2:trunc(ih*1.3/2)*2:(ow-iw)/4:(oh-ih)/3:0x3355aa"),
        "blurred_sides": filtered(
            "split[a][b];[a]scale=iw*1.8:ih*1.8,crop=iw/1.8*1.6:ih/1.8,gblur=sigma=12[bg];"
            "[bg][b]overlay=(W-w)/2:(H-h)/2"),
    },
    "overlays": {
        "logo_small": filtered("drawbox=x=iw*.82:y=ih*.05:w=iw*.13:h=ih*.10:color=red@0.9:t=fill"),
        "logo_large": filtered("drawbox=x=iw*.05:y=ih*.05:w=iw*.35:h=ih*.30:color=yellow@1:t=fill"),
        "subtitles": filtered(
            "drawtext=text='some words that sit on the picture':fontcolor=white:box=1:"
            "boxcolor=black@0.6:fontsize=h/14:x=(w-text_w)/2:y=h*.86"),
        "chat_overlay": filtered(
            "drawbox=x=iw*.70:y=0:w=iw*.30:h=ih:color=black@0.6:t=fill,"
            "drawtext=text='user1 hello':fontcolor=white:fontsize=h/24:x=w*.72:y=h*.5,"
            "drawtext=text='user2 hi there':fontcolor=cyan:fontsize=h/24:x=w*.72:y=h*.6"),
    },
    "time": {
        "speed_125": filtered("setpts=PTS/1.25"),
        "speed_080": filtered("setpts=PTS/0.8"),
        "reverse": filtered("reverse"),
        "middle_third": middle(1 / 3),
    },
    "placed in": {
        "pip_70": pip(.70, "W*.04", "H*.06", background=BACKGROUND),
        "pip_50": pip(.50, "W*.04", "H*.06", background=BACKGROUND),
        "split_screen": graphed("[0:v]{fit},fps=30[f];[1:v]scale={w}:{h},setsar=1[b];"
                                "[f][b]hstack=shortest=1", FRACTAL),
        "inside_long_stream": between(40, 40, LEAD_FRACTAL, FRACTAL),
    },
    "combined": {
        "mirror_letterbox": filtered(f"hflip,{_LETTERBOX}"),
        "mirror_crop_logo": filtered(
            "hflip,crop=trunc(iw*.94/2)*2:trunc(ih*.94/2)*2,"
            "drawbox=x=iw*.8:y=ih*.8:w=iw*.15:h=ih*.15:color=green@1:t=fill"),
        "screen_recording": screen_recording,
    },
}

# --- beyond -------------------------------------------------------------------------------------

_PERSPECTIVE = ("pad=trunc(iw*1.3/2)*2:trunc(ih*1.3/2)*2:(ow-iw)/2:(oh-ih)/2:0x181410,"
                "perspective=x0=W*.03:y0=H*.06:x1=W*.95:y1=0:x2=W*.06:y2=H*.95:x3=W*.98:y3=H:"
                "sense=source,rotate=1*PI/180:fillcolor=0x181410")
_CAMERA = "eq=gamma=1.15:saturation=.8:contrast=.9,gblur=sigma=.8,noise=alls=12:allf=t"

BEYOND = {
    "encoding": {
        "tiny_144p": filtered("scale=-2:144", (*_X264_FINE[:4], "-crf", "38", "-g", "250",
                                               "-pix_fmt", "yuv420p")),
    },
    "geometry": {
        "crop_7pct": filtered("crop=trunc(iw*.86/2)*2:trunc(ih*.86/2)*2"),
        "crop_left_8pct": filtered("crop=trunc(iw*.92/2)*2:ih:iw-ow:0"),
        "zoom_15pct": filtered("crop=trunc(iw/1.15/2)*2:trunc(ih/1.15/2)*2:(iw-ow)*.3:(ih-oh)*.6,"
                               "scale=trunc(iw*1.15/2)*2:trunc(ih*1.15/2)*2"),
        "rotate_2deg": filtered("rotate=2*PI/180:fillcolor=black"),
        "rotate_7deg": filtered("rotate=7*PI/180:fillcolor=black"),
    },
    "borders": {
        "border_uneven": filtered(
            "pad=trunc(iw*1.18/2)*2:trunc(ih*1.26/2)*2:(ow-iw)*.22:(oh-ih)*.31:white"),
        "rounded_corners": graphed("[0:v]{fit}[f];[f][1:v]overlay=eof_action=repeat", CORNERS),
        "border_animated": pip(.78, "(W-w)/2", "(H-h)/2", background=MOVING),
        "border_blinking": graphed(
            "[0:v]{fit},split[a][b];[b]scale=trunc({w}*.8/2)*2:trunc({h}*.8/2)*2,"
            "pad={w}:{h}:(ow-iw)/2:(oh-ih)/2:white[c];[a][c]overlay=enable='lt(mod(t,8),4)'"),
        "other_orientation": other_orientation,
    },
    "overlays": {
        "lower_third": filtered(
            "drawbox=x=0:y=ih*.76:w=iw:h=ih*.24:color=0x102a66:t=fill,"
            "drawbox=x=0:y=ih*.76:w=iw:h=ih*.02:color=red:t=fill,"
            "drawtext=text='BREAKING NEWS':fontcolor=white:fontsize=h/12:x=w*.04:y=h*.80,"
            "drawtext=text='words that run along the bottom':fontcolor=0xdddddd:fontsize=h/22:"
            "x=w-60*t:y=h*.92"),
        "sticker": graphed("[0:v]{fit}[f];[f][1:v]overlay=x=W*.55:y=H*.3:eof_action=repeat", FACE),
    },
    "time": {
        "speed_050": filtered("setpts=PTS/0.5"),
        "speed_200": filtered("setpts=PTS/2"),
        "three_seconds_in_ten_minutes": between(298.5, 298.5, SMALL_MOVING, COLOURS, part=3),
    },
    "placed in": {
        "pip_corner_35": pip(.35, "W-w-W*.03", "H-h-H*.03"),
        "pip_centre_60": pip(.60, "(W-w)/2", "(H-h)/2"),
        "pip_moving": pip(.45, "'(W-w)*(.5+.45*sin(t*.7))'", "'(H-h)*(.5+.45*cos(t*.9))'"),
        "grid_2x2": graphed(
            "[0:v]{fit},fps=30,setsar=1[f];[1:v]scale={w}:{h},setsar=1[x];"
            "[2:v]scale={w}:{h},setsar=1[y];[3:v]fps=30,scale={w}:{h},setsar=1[z];"
            "[x][f][y][z]xstack=inputs=4:layout=0_0|w0_0|0_h0|w0_h0:shortest=1",
            FRACTAL, MOVING, GREEN_CELLS),
        "three_way_blurred": graphed(
            "[0:v]{fit},split=3[a][b][c];[a]gblur=sigma=14[l];[c]hflip,gblur=sigma=14[r];"
            "[l][b][r]hstack=inputs=3"),
        "filmed_screen": filtered(f"{_PERSPECTIVE},{_CAMERA}"),
    },
    "combined": {
        "mirror_pip": pip(.60, "W*.3", "H*.1", change="hflip,"),
        "invert_border": filtered(f"negate,{_WHITE}"),
        "reverse_letterbox": filtered(f"reverse,{_LETTERBOX}"),
        "cam_grain_crop": filtered("crop=trunc(iw*.88/2)*2:trunc(ih*.88/2)*2,eq=gamma=.85,"
                                   "gblur=sigma=1,noise=alls=35:allf=t"),
    },
}


def _registry():
    edits = []
    for floor, lists in ((True, FLOOR), (False, BEYOND)):
        for group in GROUPS:
            for name, what in lists.get(group, {}).items():
                arguments, suffix = what if isinstance(what, tuple) else (what, "mp4")
                edits.append(Edit(name, group, floor, suffix, arguments))
    return {edit.name: edit for edit in edits}


EDITS = _registry()
QUICK = ("reencode_crf35", "invert", "mirror", "crop_5pct", "letterbox", "logo_large", "reverse",
         "pip_50", "mirror_letterbox", "pip_corner_35", "border_blinking", "crop_7pct")
