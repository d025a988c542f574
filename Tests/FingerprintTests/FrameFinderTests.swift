// Rectangles with straight edges, and the rectangle in which something moves.

import Fingerprint
import TestSupport
import Testing

@Suite struct FrameFinderTests {
    private static let rect = PixelRect(left: 60, top: 36, right: 220, bottom: 142)

    /// How well the best of the rectangles that were found fits.
    private func bestOverlap(_ found: [PixelRect], _ rect: PixelRect = Self.rect) -> Double {
        found.map { $0.overlap(rect) }.max() ?? 0
    }

    private func inner(_ seed: UInt64) -> Picture {
        Picture.texture(Self.rect.width, Self.rect.height, seed: seed)
    }

    @Test(arguments: [UInt8(0), 30, 128, 240])
    func aPictureOnPlainIsFoundAtOnce(_ level: UInt8) {
        var finder = FrameFinder()
        let picture = Picture(320, 180, level: level).painted(
            inner(1), left: Self.rect.left, top: Self.rect.top)
        #expect(bestOverlap(finder.rectangles(of: picture.small())) > 0.95)
    }

    @Test func aPictureOnNoiseIsFound() {
        var finder = FrameFinder()
        var found: [PixelRect] = []
        for number in 0..<4 {
            let ground = Picture(320, 180, noise: 30, about: 40, seed: UInt64(number))
            found = finder.rectangles(
                of: ground.painted(
                    inner(UInt64(number)), left: Self.rect.left, top: Self.rect.top
                ).small())
        }
        #expect(bestOverlap(found) > 0.85, "\(found)")
    }

    @Test(arguments: [2, 4, 8, 12])
    func aSharpPictureOnItsOwnBlurredGroundIsFound(_ grain: Int) {
        var finder = FrameFinder()
        var found: [PixelRect] = []
        for number in 0..<4 {
            let picture = Picture.texture(320, 180, seed: UInt64(number) + 20)
                .grainy(by: grain, seed: UInt64(number))
            let sharp = picture.cut(Self.rect)
            let ground = picture.blurred(radius: 9)
            found = finder.rectangles(
                of: ground.painted(sharp, left: Self.rect.left, top: Self.rect.top).small())
        }
        #expect(bestOverlap(found) > 0.85, "\(found)")
    }

    @Test func aFrameRoundWhatMovesIsFoundByWhatLasts() {
        // A thin line about a picture on a still textured ground.
        var finder = FrameFinder()
        let ground = Picture.texture(320, 180, seed: 40)
        let line = Picture(Self.rect.width + 4, Self.rect.height + 4, level: 255)
        var found: [PixelRect] = []
        for number in 0..<8 {
            let picture = ground.painted(line, left: Self.rect.left - 2, top: Self.rect.top - 2)
                .painted(inner(UInt64(number)), left: Self.rect.left, top: Self.rect.top)
            found = finder.rectangles(of: picture.small())
        }
        #expect(bestOverlap(found) > 0.9, "\(found)")
    }

    @Test func nothingIsFoundInPlainPictures() {
        for level in [UInt8(0), 16, 128, 255] {
            var finder = FrameFinder()
            for _ in 0..<6 {
                #expect(finder.rectangles(of: Picture(320, 180, level: level).small()).isEmpty)
            }
        }
        var finder = FrameFinder()
        let slope = Picture(320, 180) { x, y in UInt8((x * 200 + y * 100) / 320) }
        for _ in 0..<6 { #expect(finder.rectangles(of: slope.small()).isEmpty) }
    }

    @Test func naturalPicturesGiveFewRectangles() {
        // Chance makes some; how many are looked at is bounded.
        var counts: [Int] = []
        for seed in 0..<12 {
            var finder = FrameFinder()
            for number in 0..<4 {
                let picture = Picture.texture(320, 180, seed: UInt64(seed * 100 + number))
                let found = finder.rectangles(of: picture.small())
                counts.append(found.count)
                #expect(found.allSatisfy { $0.left >= 0 && $0.top >= 0 })
                #expect(found.allSatisfy { $0.right <= 320 && $0.bottom <= 180 })
                #expect(found.allSatisfy { $0.width >= 70 && $0.height >= 38 })
            }
        }
        #expect(counts.allSatisfy { $0 <= FrameFinder.most })
        let mean = Double(counts.reduce(0, +)) / Double(counts.count)
        #expect(mean <= 3, "on average \(mean) of \(FrameFinder.most)")
    }

    @Test func noiseAndChequersStayWithinTheBound() {
        let pictures = [
            Picture(320, 180, noise: 127, about: 127, seed: 1),
            Picture(320, 180) { x, y in (x / 20 + y / 20) % 2 == 0 ? 20 : 230 },
            Picture(320, 180) { x, y in x % 2 == 0 || y % 2 == 0 ? 0 : 255 },
            Picture(320, 180) { x, y in x % 40 < 2 || y % 30 < 2 ? 255 : 30 },
        ]
        for (number, picture) in pictures.enumerated() {
            var finder = FrameFinder()
            for _ in 0..<5 {
                let found = finder.rectangles(of: picture.small())
                #expect(found.count <= FrameFinder.most, "picture \(number)")
            }
        }
    }
}

@Suite struct MovementTests {
    private static let rect = PixelRect(left: 100, top: 40, right: 260, bottom: 130)

    private func shown(
        _ number: Int, on ground: Picture, _ rect: PixelRect = Self.rect
    ) -> SmallLuma {
        ground.painted(
            Picture.texture(rect.width, rect.height, seed: UInt64(number) + 500),
            left: rect.left, top: rect.top
        ).small()
    }

    @Test func whatMovesOnAStillGroundIsFound() throws {
        for ground in [
            Picture.texture(320, 180, seed: 7), Picture(320, 180, level: 240),
        ] {
            var finder = MovementFinder()
            #expect(finder.rectangle(of: shown(0, on: ground)) == nil, "nothing at first")
            for number in 1..<8 {
                let rect = finder.rectangle(of: shown(number, on: ground))
                let found = try #require(rect)
                #expect(found.overlap(Self.rect) > 0.9, "picture \(number): \(found)")
            }
        }
    }

    @Test func noiseOfTheGroundIsNoMovement() throws {
        var finder = MovementFinder()
        var found: PixelRect?
        for number in 0..<6 {
            let ground = Picture(320, 180, noise: 4, about: 90, seed: UInt64(number))
            found = finder.rectangle(of: shown(number, on: ground))
        }
        let rect = try #require(found)
        #expect(rect.overlap(Self.rect) > 0.9)
    }

    @Test func nothingIsFoundWhereNothingOrAllMoves() {
        var still = MovementFinder()
        var lively = MovementFinder()
        let ground = Picture.texture(320, 180, seed: 7).small()
        for number in 0..<8 {
            #expect(still.rectangle(of: ground) == nil)
            let other = Picture.texture(320, 180, seed: UInt64(number) + 900)
            #expect(lively.rectangle(of: other.small()) == nil, "picture \(number)")
        }
    }

    @Test func whatIsTooSmallIsNotFound() {
        var finder = MovementFinder()
        let ground = Picture.texture(320, 180, seed: 7)
        let cursor = PixelRect(left: 100, top: 60, right: 116, bottom: 76)
        for number in 0..<8 {
            #expect(finder.rectangle(of: shown(number, on: ground, cursor)) == nil)
        }
    }

    @Test func anotherSizeBeginsAnew() {
        var finder = MovementFinder()
        let ground = Picture.texture(320, 180, seed: 7)
        for number in 0..<4 { _ = finder.rectangle(of: shown(number, on: ground)) }
        #expect(finder.rectangle(of: Picture.texture(180, 320, seed: 7).small()) == nil)
        #expect(finder.rectangle(of: Picture.texture(180, 320, seed: 7).small()) == nil)
        #expect(finder.rectangle(of: shown(9, on: ground)) == nil)
        #expect(finder.rectangle(of: SmallLuma()) == nil)
    }
}
