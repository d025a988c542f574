"""Layers: textured shapes painted on a transparent ground, in plain Python.

A layer is painted once and then only moved, so a second of painting serves seconds of video.
Every random choice comes from a seed in words; `random.Random` with a text seed gives the same
numbers everywhere.
"""

import math
import random
from functools import lru_cache

WIDTH, HEIGHT = 640, 360
SCALE = 2  # layers are painted at twice the size and scaled down: smooth edges


def noise(width, height, cell, seed, stretch=1.0, octaves=4):
    """Smooth value noise, one byte a point, stretched to the full range; a list of rows."""
    rng = random.Random(f"noise {seed}")
    total = [[0.0] * width for _ in range(height)]
    for octave in range(octaves):
        size, gain = max(2.0, cell / 2**octave), 0.5**octave
        add_octave(total, size * stretch, size, gain, rng)
    low = min(map(min, total))
    scale = 255.0 / max(1e-9, max(map(max, total)) - low)
    return [bytes([int((value - low) * scale) for value in row]) for row in total]


def add_octave(total, cell_x, cell_y, gain, rng):
    width, height = len(total[0]), len(total)
    steps = [smooth_step(x / cell_x) for x in range(width)]

    def line():
        grid = [gain * rng.random() for _ in range(int(width / cell_x) + 2)]
        return [grid[i] + (grid[i + 1] - grid[i]) * f for i, f in steps]

    index, above, below = 0, line(), line()
    for y in range(height):
        cell, f = smooth_step(y / cell_y)
        if cell != index:
            index, above, below = cell, below, line()
        total[y] = [t + a + (b - a) * f for t, a, b in zip(total[y], above, below)]


def smooth_step(position):
    cell = int(position)
    f = position - cell
    return cell, f * f * (3 - 2 * f)


class Paint:
    """A ramp of colours. Where a point lies on it: its height in the shape, and the noise."""

    def __init__(self, colours, texture=0.4, alpha=255):
        self.ramp = [self.colour(colours, i / 255, alpha) for i in range(256)]
        self.texture = texture
        self.tables = {}  # height in 64 steps -> noise value -> four points

    @staticmethod
    def colour(colours, at, alpha):
        position = at * (len(colours) - 1)
        i = min(int(position), len(colours) - 2)
        f = position - i
        rgb = [int(a + (b - a) * f) for a, b in zip(colours[i], colours[i + 1])]
        return bytes(rgb + [alpha]) * 4  # one noise point covers four painted points

    def row(self, noise_row, down):
        step = int(down * 63)
        if step not in self.tables:
            base, gain = step / 63 * (1 - self.texture), self.texture / 255
            table = [self.ramp[int(255 * (base + gain * value))] for value in range(256)]
            self.tables[step] = table
        return b"".join(map(self.tables[step].__getitem__, noise_row))


BALL_STEPS = 14


@lru_cache(maxsize=None)
def ball_paints(dark, light):
    tones = [[int(a + (b - a) * i / (BALL_STEPS - 1)) for a, b in zip(dark, light)]
             for i in range(BALL_STEPS)]
    return [Paint([tone, [int(value * 0.8) for value in tone]], 0.7) for tone in tones]


class Layer:
    """A painted picture and how it moves. Units are output pixels; painting is SCALE times."""

    def __init__(self, width, height, seed="", cell=24, stretch=1.0, octaves=4):
        self.width, self.height = int(width) * SCALE, int(height) * SCALE
        self.width += -self.width % 4
        self.rows = [bytearray(self.width * 4) for _ in range(self.height)]
        across, down = self.width // 4, -(-self.height // 4)
        self.grain = noise(across, down, cell, seed, stretch, octaves)
        self.x, self.y, self.turn = "0", "0", None

    def moves(self, x="0", y="0", turn=None):
        self.x, self.y, self.turn = str(x), str(y), turn
        return self

    def span(self, y, x0, x1, paint, down):
        x0, x1 = max(0, int(x0)), min(self.width, int(x1))
        if 0 <= y < self.height and x0 < x1:
            grain = self.grain[y // 4][x0 // 4 : (x1 + 3) // 4]
            source = paint.row(grain, min(1.0, max(0.0, down)))
            skip = x0 % 4 * 4
            self.rows[y][x0 * 4 : x1 * 4] = source[skip : skip + (x1 - x0) * 4]

    def polygon(self, points, paint):
        points = [(x * SCALE, y * SCALE) for x, y in points]
        top, bottom = min(y for _, y in points), max(y for _, y in points)
        edges = list(zip(points, points[1:] + points[:1]))
        for y in range(max(0, int(top)), min(self.height, int(math.ceil(bottom)))):
            hits = sorted(
                x0 + (y + 0.5 - y0) * (x1 - x0) / (y1 - y0)
                for (x0, y0), (x1, y1) in edges
                if (y0 <= y + 0.5) != (y1 <= y + 0.5)
            )
            for left, right in zip(hits[::2], hits[1::2]):
                self.span(y, left, right, paint, (y - top) / max(1, bottom - top))
        return self

    def box(self, x, y, width, height, paint):
        right, bottom = x + width, y + height
        return self.polygon([(x, y), (right, y), (right, bottom), (x, bottom)], paint)

    def oval(self, x, y, radius_x, radius_y, paint):
        x, y, radius_x, radius_y = (value * SCALE for value in (x, y, radius_x, radius_y))
        for row in range(max(0, int(y - radius_y)), min(self.height, int(y + radius_y) + 1)):
            reach = 1 - ((row + 0.5 - y) / radius_y) ** 2
            if reach > 0:
                half = radius_x * math.sqrt(reach)
                self.span(row, x - half, x + half, paint, (row - y + radius_y) / 2 / radius_y)
        return self

    def ball(self, x, y, radius, dark, light):
        """Lit from the upper left: ovals, each smaller and lighter than the one below it."""
        for i, paint in enumerate(ball_paints(dark, light)):
            f = i / (BALL_STEPS - 1)
            size = radius * (1 - 0.75 * f)
            self.oval(x - 0.3 * radius * f, y - 0.35 * radius * f, size, size, paint)
        return self

    def ridge(self, base, height, rough, paint, seed):
        """Hills: everything below a rough line across the whole layer."""
        rng = random.Random(f"ridge {seed}")
        waves = [(rng.uniform(0.6, 1.4) * 2**i, rng.uniform(0, 6.3), 1.7**-i) for i in range(rough)]
        across = self.width // SCALE
        line = []
        for x in range(0, across + 8, 4):
            turn = 6.283 * x / WIDTH
            lift = sum(gain * math.sin(turn * often + start) for often, start, gain in waves)
            line.append((x, base - height * (0.5 + 0.35 * lift)))
        bottom = self.height // SCALE
        return self.polygon(line + [(across + 8, bottom), (-1, bottom)], paint)


def backdrop(colours, seed, texture=0.4, cell=40, stretch=2.0):
    """A layer that fills the picture."""
    layer = Layer(WIDTH, HEIGHT, seed=seed, cell=cell, stretch=stretch)
    return layer.box(0, 0, WIDTH, HEIGHT, Paint(colours, texture))
