"""The kinds of scene: each a list of layers, back to front, and the camera's way over them.

The same kind with another seed is another picture: other shapes, places and movements.
"""

import math
import random

from painting import HEIGHT, WIDTH, Layer, Paint, backdrop


class Scene:
    """camera: ((centre x, centre y, zoom) at the start, the same at the end), centres 0 to 1.

    turn: the angle, in radians, that the camera rolls through.
    """

    def __init__(self, seconds, layers, camera, turn=0.0):
        self.seconds, self.layers, self.camera, self.turn = seconds, layers, camera, turn


def drift(rng, most=1.3):
    """A slow camera move that stays inside the picture."""

    def place():
        zoom = rng.uniform(1.06, most)
        room = 0.5 - 0.5 / zoom - 0.015
        return (0.5 + rng.uniform(-room, room), 0.5 + rng.uniform(-room, room), zoom)

    return place(), place()


def harbour(seconds, seed, sky, water, hulls, sun):
    rng = random.Random(f"harbour {seed}")
    horizon = rng.uniform(120, 190)
    layers = [backdrop(sky, seed + "sky")]
    disc = Layer(120, 120, seed=seed).ball(60, 60, 55, *sun)
    layers.append(disc.moves(f"{rng.uniform(40, 480):.0f}+3*t", f"{horizon - 110:.0f}-2*t"))
    far = Layer(900, 150, seed=seed + "far", cell=16)
    far.ridge(110, 100, 4, Paint([(74, 84, 104), (30, 40, 58)], 0.5), seed)
    layers.append(far.moves(f"-{rng.uniform(20, 200):.0f}-5*t", f"{horizon - 110:.0f}"))
    sea = Layer(WIDTH + 120, HEIGHT, seed=seed + "sea", cell=14, stretch=6)
    sea.box(0, 0, WIDTH + 120, HEIGHT, Paint(water, 0.65))
    layers.append(sea.moves("-60+40*sin(0.5*t)", f"{horizon:.0f}"))
    for i, hull in enumerate(hulls):
        size = rng.uniform(0.8, 1.2) * (0.8 + 0.5 * i)
        x, pace = rng.uniform(0, 480), rng.choice([-1, 1]) * rng.uniform(10, 28)
        y = horizon - 125 * size + 22 + 45 * i
        layers.append(boat(size, hull, seed + str(i)).moves(
            f"{x:.0f}+{pace:.1f}*t", f"{y:.0f}+5*sin(1.7*t+{i})", f"0.05*sin(1.3*t+{i})"))
    return Scene(seconds, layers, drift(rng))


def boat(size, hull, seed):
    rng = random.Random(f"boat {seed}")
    layer = Layer(200 * size, 160 * size, seed=seed, cell=12)
    lean = rng.uniform(0.3, 0.7)
    sail, mast = Paint([(250, 246, 235), (188, 176, 160)], 0.3), Paint([(60, 44, 30), (40, 30, 22)])

    def at(points):
        return [(x * size, y * size) for x, y in points]

    layer.polygon(at([(98, 5), (104, 5), (104, 120), (98, 120)]), mast)
    layer.polygon(at([(106, 10), (106, 105), (110 + 70 * lean, 105)]), sail)
    layer.polygon(at([(95, 20), (95, 105), (90 - 60 * (1 - lean), 105)]), sail)
    dark = tuple(value // 3 for value in hull)
    side = at([(15, 112), (190, 112), (165, 148), (40, 148)])
    return layer.polygon(side, Paint([hull, dark], 0.35))


def lighthouse(seconds, seed, sky, tower, ground):
    rng = random.Random(f"lighthouse {seed}")
    x = rng.uniform(170, 470)
    layers = [backdrop(sky, seed + "sky", 0.6)]
    beam = Layer(760, 760, seed=seed)
    glow = Paint([(255, 240, 190), (255, 226, 150)], 0.2, alpha=120)
    beam.polygon([(380, 380), (760, 275), (760, 485)], glow)
    beam.polygon([(380, 380), (0, 300), (0, 460)], glow)
    turn = f"{rng.uniform(0, 3):.2f}+0.45*t"
    layers.append(beam.moves(f"{x - 380:.0f}", f"{70 - 380}", turn))
    house = Layer(120, 352, seed=seed, cell=10)
    for band in range(6):
        paint = Paint([tower[band % 2], tuple(v // 2 for v in tower[band % 2])], 0.4)
        wide = 20 + 6 * band
        house.polygon([(60 - wide, 40 + 52 * band), (60 + wide, 40 + 52 * band),
                       (66 + wide, 92 + 52 * band), (54 - wide, 92 + 52 * band)], paint)
    house.oval(60, 24, 26, 22, Paint([(255, 250, 220), (240, 200, 120)]))
    layers.append(house.moves(f"{x - 60:.0f}", "46"))
    rock = Layer(800, 190, seed=seed + "rock", cell=10)
    rock.ridge(85, 90, 5, Paint(ground, 0.6), seed)
    layers.append(rock.moves("-60-6*t", "205"))
    return Scene(seconds, layers, drift(rng, 1.2))


def yard(seconds, seed, sky, boxes):
    """Stacks of coloured containers under a travelling crane."""
    rng = random.Random(f"yard {seed}")
    layers = [backdrop(sky, seed + "sky")]
    stack = Layer(1000, 260, seed=seed, cell=8, stretch=3)
    x = 0.0
    while x < 1000:
        wide, tall = rng.uniform(90, 150), 1 + int(rng.random() * 4)
        for level in range(tall):
            colour = boxes[int(rng.random() * len(boxes))]
            paint = Paint([colour, tuple(int(v * 0.55) for v in colour)], 0.45)
            stack.box(x, 260 - 62 * (level + 1), wide - 4, 58, paint)
        x += wide + (60 if rng.random() < 0.25 else 0)
    layers.append(stack.moves(f"-{rng.uniform(20, 150):.0f}-{rng.uniform(10, 26):.0f}*t", "100"))
    crane = Layer(360, 330, seed=seed + "crane", cell=8)
    steel = Paint([(236, 180, 50), (120, 80, 20)], 0.4)
    for post in (20, 300):
        crane.box(post, 30, 26, 300, steel)
    crane.box(0, 14, 360, 34, steel)
    crane.box(130, 48, 6, 110, Paint([(20, 20, 20), (40, 40, 40)]))
    crane.box(90, 150, 96, 52, Paint([boxes[0], tuple(v // 2 for v in boxes[0])], 0.4))
    layers.append(crane.moves(f"{rng.uniform(40, 240):.0f}+{rng.choice([-24, 24])}*t", "22"))
    ground = Layer(WIDTH, 50, seed=seed, cell=6, stretch=4)
    ground.box(0, 0, WIDTH, 50, Paint([(92, 90, 88), (34, 34, 38)], 0.5))
    layers.append(ground.moves("0", "325"))
    return Scene(seconds, layers, drift(rng, 1.2))


def reef(seconds, seed, water, fish):
    rng = random.Random(f"reef {seed}")
    layers = [backdrop(water, seed + "water", 0.75, 60, 1.2)]
    for i in range(6):
        size = rng.uniform(0.6, 1.7)
        way = rng.choice([-1, 1])
        x, y = rng.uniform(-40, 500), rng.uniform(10, 250)
        layers.append(swimmer(size, way, fish[i % len(fish)], seed + str(i)).moves(
            f"{x:.0f}+{way * rng.uniform(18, 55):.0f}*t",
            f"{y:.0f}+9*sin({rng.uniform(1, 3):.1f}*t)"))
    weed = Layer(760, 160, seed=seed + "weed", cell=8)
    for i in range(16):
        x, tall = rng.uniform(0, 740), rng.uniform(60, 150)
        green = Paint([(60, 160, 90), (10, 50, 40)], 0.6)
        weed.polygon([(x, 160), (x + rng.uniform(-30, 50), 160 - tall), (x + 34, 160)], green)
    layers.append(weed.moves("-50+16*sin(1.1*t)", "215"))
    return Scene(seconds, layers, drift(rng))


def swimmer(size, way, colour, seed):
    layer = Layer(170 * size, 100 * size, seed=seed, cell=9)
    paint = Paint([colour, tuple(v // 3 for v in colour)], 0.55)

    def at(x, y):
        return ((x if way > 0 else 170 - x) * size, y * size)

    layer.polygon([at(4, 12), at(50, 50), at(4, 88)], paint)
    layer.oval(at(100, 50)[0], 50 * size, 66 * size, 40 * size, paint)
    layer.oval(at(138, 38)[0], 38 * size, 7 * size, 7 * size, Paint([(250,) * 3, (230,) * 3]))
    layer.oval(at(140, 38)[0], 38 * size, 3 * size, 3 * size, Paint([(10,) * 3, (20,) * 3]))
    return layer


def islands(seconds, seed, colours):
    """Seen from the air: coloured heights, a circling camera and a few clouds."""
    rng = random.Random(f"islands {seed}")
    land = Layer(WIDTH, HEIGHT, seed=seed, cell=62, octaves=5)
    land.box(0, 0, WIDTH, HEIGHT, Paint(colours, 1.0))
    layers = [land]
    for i in range(4):
        cloud = Layer(240, 120, seed=seed + str(i), cell=14)
        white = Paint([(255, 255, 255), (214, 220, 230)], 0.4, alpha=210)
        for _ in range(6):
            cloud.oval(rng.uniform(60, 180), rng.uniform(45, 75), rng.uniform(30, 60),
                       rng.uniform(18, 36), white)
        layers.append(cloud.moves(f"{rng.uniform(-100, 520):.0f}+{rng.uniform(12, 40):.0f}*t",
                                  f"{rng.uniform(-20, 270):.0f}"))
    start, end = drift(rng, 1.2)
    return Scene(seconds, layers, (start, (end[0], end[1], 1.75)))


def orchard(seconds, seed, sky, grass, leaves):
    rng = random.Random(f"orchard {seed}")
    layers = [backdrop(sky, seed + "sky")]
    hill = Layer(900, 260, seed=seed + "hill", cell=12, stretch=3)
    layers.append(hill.ridge(130, 90, 3, Paint(grass, 0.5), seed).moves("-60-5*t", "110"))
    for row, size in enumerate((0.55, 0.85, 1.35)):
        trees = Layer(1300, 230 * size, seed=f"{seed}trees{row}", cell=7)
        x = rng.uniform(10, 90)
        while x < 1300:
            tree(trees, x, size, leaves[int(rng.random() * len(leaves))], rng)
            x += rng.uniform(105, 210) * size
        layers.append(trees.moves(f"-{rng.uniform(20, 130):.0f}-{12 + 22 * row}*t",
                                  f"{[120, 130, 120][row]}"))
    return Scene(seconds, layers, drift(rng, 1.15))


def tree(layer, x, size, colour, rng):
    bark = Paint([(96, 70, 48), (44, 30, 20)], 0.6)
    layer.polygon([(x - 8 * size, 228 * size), (x - 5 * size, 100 * size),
                   (x + 5 * size, 100 * size), (x + 8 * size, 228 * size)], bark)
    dark = tuple(v // 3 for v in colour)
    for _ in range(4):
        layer.ball(x + rng.uniform(-26, 26) * size, (75 + rng.uniform(-28, 28)) * size,
                   rng.uniform(30, 44) * size, dark, colour)
    for _ in range(7):
        spot = (x + rng.uniform(-32, 32) * size, (75 + rng.uniform(-32, 32)) * size)
        layer.oval(*spot, 5 * size, 5 * size, Paint([(230, 50, 40), (140, 20, 20)]))


def fruit(seconds, seed, cloth, skins, count=7):
    """Large balls that roll over a cloth, close up."""
    rng = random.Random(f"fruit {seed}")
    layers = [backdrop(cloth, seed + "cloth", 0.7, 30, 1.0)]
    for i in range(count):
        radius = rng.uniform(42, 92)
        dark, light = skins[i % len(skins)]
        ball = Layer(2 * radius + 20, 2 * radius + 20, seed=seed + str(i), cell=16)
        shadow = Paint([(10, 8, 12), (10, 8, 12)], alpha=110)
        ball.oval(radius + 12, radius + 14, radius, radius, shadow)
        ball.ball(radius + 4, radius + 4, radius, dark, light)
        x, y = rng.uniform(-20, 520), rng.uniform(-30, 230)
        layers.append(ball.moves(f"{x:.0f}+{rng.uniform(-28, 28):.0f}*t",
                                 f"{y:.0f}+{rng.uniform(-14, 14):.0f}*t+4*sin(2*t+{i})"))
    return Scene(seconds, layers, drift(rng))


def fields(seconds, seed, crops):
    """A patchwork of fields from above, with a river; the camera rolls slowly."""
    rng = random.Random(f"fields {seed}")
    land = Layer(900, 900, seed=seed, cell=20)
    lean = rng.uniform(-0.6, 0.6)

    def turned(points):
        return [(450 + (x - 450) * math.cos(lean) - (y - 450) * math.sin(lean),
                 450 + (x - 450) * math.sin(lean) + (y - 450) * math.cos(lean)) for x, y in points]

    def cuts(step):
        return [step * i - 100 + rng.uniform(-0.3, 0.3) * step for i in range(int(1200 / step) + 1)]

    for left, right in pairs(cuts(150)):
        for top, bottom in pairs(cuts(110)):
            crop = crops[int(rng.random() * len(crops))]
            shade = Paint([crop, tuple(int(v * 0.6) for v in crop)], 0.6)
            corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
            land.polygon(turned(corners), shade)
    bank = [(400 + 130 * math.sin(y / 130), y) for y in range(-120, 1021, 15)]
    water = Paint([(120, 170, 210), (30, 60, 110)], 0.6)
    land.polygon(turned(bank + [(x + 55, y) for x, y in reversed(bank)]), water)
    land.moves("-130-14*t", "-270+9*t")
    camera = ((0.46, 0.47, 1.5), (0.54, 0.52, 1.42))
    return Scene(seconds, [backdrop(crops[:2], seed), land], camera, rng.choice([-0.24, 0.24]))


def pairs(values):
    return zip(values, values[1:])


def skyline(seconds, seed, sky, walls):
    rng = random.Random(f"skyline {seed}")
    layers = [backdrop(sky, seed + "sky")]
    for row in range(3):
        city = Layer(1100, 330, seed=f"{seed}{row}", cell=8)
        wall = tuple(int(v * (1.1 - 0.35 * row)) for v in walls)
        lit = Paint([(255, 226, 130), (240, 180, 90)], 0.5)
        x = rng.uniform(-60, 0)
        while x < 1100:
            wide, tall = rng.uniform(50, 120), rng.uniform(70, 300) * (1 - 0.18 * row)
            city.box(x, 330 - tall, wide, tall, Paint([wall, tuple(v // 2 for v in wall)], 0.4))
            for _ in range(int(wide / 9)):
                if rng.random() < 0.4:
                    left = x + 5 + rng.uniform(0, wide - 20)
                    city.box(left, 345 - tall * rng.uniform(0.3, 0.95), 10, 14, lit)
            x += wide + rng.uniform(0, 70)
        start = rng.uniform(0, 200)
        layers.append(city.moves(f"-{start:.0f}-{6 + 13 * row}*t", f"{30 + 30 * row}"))
    return Scene(seconds, layers, drift(rng, 1.2))


def desert(seconds, seed, sky, sand):
    rng = random.Random(f"desert {seed}")
    layers = [backdrop(sky, seed + "sky", 0.5)]
    for i in range(3):
        size = rng.uniform(110, 260)
        stone = Layer(2 * size, size, seed=f"{seed}{i}", cell=9, stretch=4)
        top = size * rng.uniform(0.7, 1.3)
        stone.polygon([(top, 2), (2 * size, size), (0, size)], Paint([sand[0], sand[1]], 0.5))
        shade = Paint([sand[1], sand[2]], 0.5)
        stone.polygon([(top, 2), (2 * size, size), (top * 1.1, size)], shade)
        start = rng.uniform(-80, 400)
        layers.append(stone.moves(f"{start:.0f}-{6 + 5 * i}*t", f"{262 - size:.0f}"))
    for i in range(2):
        dune = Layer(1000, 200, seed=f"{seed}dune{i}", cell=9, stretch=5)
        dune.ridge(110, 100, 2 + i, Paint([sand[0], sand[2]], 0.45), f"{seed}{i}")
        layers.append(dune.moves(f"-40-{20 + 22 * i}*t", f"{180 + 50 * i}"))
    return Scene(seconds, layers, drift(rng, 1.2))


def planets(seconds, seed, globes):
    rng = random.Random(f"planets {seed}")
    sky = [(4, 4, 14), (30, 18, 60), (70, 30, 90), (16, 30, 80), (2, 4, 10)]
    space = backdrop(sky, seed + "space", 1.0, 50, 1.4)
    for _ in range(90):
        space.oval(rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), 1.2, 1.2,
                   Paint([(255,) * 3, (220,) * 3]))
    layers = [space]
    for i, (dark, light) in enumerate(globes):
        radius = rng.uniform(40, 135)
        globe = Layer(2 * radius + 4, 2 * radius + 4, seed=seed + str(i), cell=12, stretch=3)
        globe.ball(radius + 2, radius + 2, radius, dark, light)
        layers.append(globe.moves(f"{rng.uniform(-60, 500):.0f}+{rng.uniform(-30, 30):.0f}*t",
                                  f"{rng.uniform(-60, 230):.0f}+{rng.uniform(-12, 12):.0f}*t"))
    return Scene(seconds, layers, drift(rng))


def balloons(seconds, seed, sky, skins):
    rng = random.Random(f"balloons {seed}")
    layers = [backdrop(sky, seed + "sky", 0.7)]
    ground = Layer(900, 160, seed=seed + "ground", cell=10, stretch=3)
    ground.ridge(100, 90, 4, Paint([(90, 120, 70), (30, 50, 40)], 0.6), seed)
    layers.append(ground.moves("-80-8*t", "220+4*t"))
    for i in range(5):
        size = rng.uniform(0.45, 1.25)
        layer = Layer(160 * size, 230 * size, seed=seed + str(i), cell=10)
        for stripe in range(4):
            colour = skins[(i + stripe % 2) % len(skins)]
            paint = Paint([colour, tuple(v // 2 for v in colour)], 0.4)
            layer.oval(80 * size, 85 * size, (76 - 22 * stripe) * size, 80 * size, paint)
        layer.box(62 * size, 185 * size, 36 * size, 34 * size, Paint([(120, 80, 50), (60, 40, 20)]))
        layers.append(layer.moves(f"{rng.uniform(-30, 520):.0f}+{rng.uniform(-12, 12):.0f}*t",
                                  f"{rng.uniform(0, 220):.0f}-{rng.uniform(8, 30):.0f}*t",
                                  f"0.06*sin(t+{i})"))
    return Scene(seconds, layers, drift(rng, 1.2))
