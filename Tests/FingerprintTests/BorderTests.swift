// Borders of one colour: found where they are, and only there; lasting ones are not narrowed by one
// dark picture.

import Fingerprint
import TestSupport
import Testing

@Suite struct BorderTests {
    private static let size = (width: 320, height: 240)
    private static let whole = PixelRect(whole: 320, 240)

    private static let letterbox = PixelRect(left: 0, top: 31, right: 320, bottom: 209)
    private static let pillarbox = PixelRect(left: 60, top: 0, right: 260, bottom: 240)
    private static let around = PixelRect(left: 27, top: 20, right: 293, bottom: 220)
    private static let uneven = PixelRect(left: 18, top: 13, right: 252, bottom: 199)

    /// A texture within a border of one level.
    private func bordered(_ rect: PixelRect, level: UInt8, seed: UInt64 = 1) -> Picture {
        Picture(Self.size.width, Self.size.height, level: level).painted(
            Picture.texture(rect.width, rect.height, seed: seed), left: rect.left, top: rect.top)
    }

    @Test func bordersOfAnyShapeAndColourAreFound() {
        let shapes: [(String, PixelRect, UInt8)] = [
            ("letterbox", Self.letterbox, 0), ("pillarbox", Self.pillarbox, 0),
            ("limited black", Self.letterbox, 16), ("white around", Self.around, 255),
            ("uneven, coloured", Self.uneven, 84), ("uneven, light", Self.uneven, 190),
            ("one side", PixelRect(left: 44, top: 0, right: 320, bottom: 240), 0),
            ("one row", PixelRect(left: 0, top: 1, right: 320, bottom: 240), 0),
        ]
        for (name, rect, level) in shapes {
            let found = BorderFinder.layers(of: bordered(rect, level: level).small()).last
            #expect(found == rect, "\(name)")
        }
    }

    @Test func sidesOfDifferentColoursAreFound() {
        var picture = bordered(Self.uneven, level: 0)
        picture = picture.painted(
            Picture(320, 240 - Self.uneven.bottom, level: 255), left: 0, top: Self.uneven.bottom)
        #expect(BorderFinder.layers(of: picture.small()).last == Self.uneven)
    }

    @Test func noiseAndAFewMarksOnABorderAreBorder() {
        for (number, rect) in [Self.letterbox, Self.pillarbox, Self.uneven].enumerated() {
            for level in [UInt8(5), 240] {
                let picture = bordered(rect, level: level).grainy(
                    by: 5, seed: UInt64(number) + 1)
                #expect(
                    BorderFinder.layers(of: picture.small()).last == rect, "\(rect) at \(level)")
            }
        }
        let marked = bordered(Self.letterbox, level: 0).painted(
            Picture(6, 9, level: 255), left: 150, top: 10)
        #expect(BorderFinder.layers(of: marked.small()).last == Self.letterbox)
    }

    @Test func picturesWithoutBordersAreLeftWhole() {
        var finder = BorderFinder()
        for seed in 0..<6 {
            let picture = Picture.texture(320, 240, seed: UInt64(seed))
            let contents = finder.contents(of: picture.small())
            #expect(
                (contents.now.last ?? Self.whole) == Self.whole && contents.lasting == Self.whole)
        }
    }

    @Test func picturesThatAreAllBorderHaveNoContent() {
        for level in [UInt8(0), 16, 128, 255] {
            let plain = Picture(320, 240, level: level)
            #expect(BorderFinder.layers(of: plain.small()).last == nil)
            #expect(BorderFinder.layers(of: plain.grainy(by: 4, seed: 1).small()).last == nil)
        }
        // What is left is hardly a picture.
        let sliver = PixelRect(left: 150, top: 0, right: 170, bottom: 240)
        #expect(BorderFinder.layers(of: bordered(sliver, level: 0).small()).last == nil)
        for (width, height) in [(1, 1), (5, 5), (16, 200), (200, 16), (5, 900)] {
            #expect(BorderFinder.layers(of: Picture(width, height, level: 9).small()).last == nil)
        }
        #expect(BorderFinder.layers(of: SmallLuma()).last == nil)
    }

    @Test func blackPicturesDoNotChangeWhatLasts() {
        var finder = BorderFinder()
        let black = Picture(320, 240, level: 0).small()
        #expect(finder.contents(of: black).lasting == Self.whole)
        for seed in 0..<3 {
            _ = finder.contents(of: bordered(Self.letterbox, level: 0, seed: UInt64(seed)).small())
        }
        for _ in 0..<20 {
            let contents = finder.contents(of: black)
            #expect(
                (contents.now.last ?? Self.whole) == Self.whole
                    && contents.lasting == Self.letterbox)
        }
    }

    @Test func aDarkSceneNextToTheBorderDoesNotNarrowWhatLasts() {
        var finder = BorderFinder()
        for seed in 0..<4 {
            _ = finder.contents(of: bordered(Self.letterbox, level: 0, seed: UInt64(seed)).small())
        }
        // The lower part of the scene is as dark as the border.
        let night = bordered(Self.letterbox, level: 0).painted(
            Picture(320, 70, level: 4), left: 0, top: Self.letterbox.bottom - 70)
        for _ in 0..<7 {
            let contents = finder.contents(of: night.small())
            #expect((contents.now.last ?? Self.whole).bottom == Self.letterbox.bottom - 70)
            #expect(contents.lasting == Self.letterbox)
        }
    }

    @Test func aBorderThatComesAndGoesIsSeenInEachPicture() {
        var finder = BorderFinder()
        for number in 0..<12 {
            let isBordered = number / 2 % 2 == 0
            let picture =
                isBordered
                ? bordered(Self.around, level: 255, seed: UInt64(number))
                : Picture.texture(320, 240, seed: UInt64(number))
            let contents = finder.contents(of: picture.small())
            #expect(
                (contents.now.last ?? Self.whole) == (isBordered ? Self.around : Self.whole),
                "picture \(number)")
            if number > 2 { #expect(contents.lasting == Self.whole, "picture \(number)") }
        }
        // Long after the last whole picture the border is what lasts.
        for number in 0..<8 {
            _ = finder.contents(of: bordered(Self.around, level: 255, seed: UInt64(number)).small())
        }
        let last = finder.contents(of: bordered(Self.around, level: 255).small())
        #expect(last.lasting == Self.around)
    }

    @Test func anotherSizeBeginsAnew() {
        var finder = BorderFinder()
        for seed in 0..<5 {
            _ = finder.contents(of: bordered(Self.letterbox, level: 0, seed: UInt64(seed)).small())
        }
        let contents = finder.contents(of: Picture.texture(200, 100, seed: 1).small())
        #expect(contents.now.last == PixelRect(whole: 200, 100))
        #expect(contents.lasting == PixelRect(whole: 200, 100))
        let back = finder.contents(of: Picture.texture(320, 240, seed: 1).small())
        #expect(back.lasting == Self.whole)
    }
}
