// The small copy of a picture, and what is hashed from it: parts, views wider than the picture, and
// turned ones, each against the same picture made explicitly.

import Fingerprint
import Foundation
import TestSupport
import Testing

@Suite struct SmallLumaTests {
    @Test func sizesFollowFromTheLongerSideUnlessTheShorterIsTooShort() {
        let sizes = [
            // Picture, copy.
            ((300, 200), (300, 200)), ((959, 700), (959, 700)), ((1024, 576), (512, 288)),
            ((1920, 1080), (480, 270)), ((1080, 1920), (270, 480)), ((1925, 1087), (481, 271)),
            ((4000, 70), (4000, 70)), ((4000, 128), (2000, 64)), ((5, 2000), (5, 2000)),
            ((1, 1), (1, 1)),
        ]
        // One copy for all: its memory is used again, for larger and smaller ones.
        var small = SmallLuma()
        #expect(small.isEmpty)
        for (size, expected) in sizes {
            let picture = Picture(size.0, size.1) { x, y in UInt8((x / 8 + y / 8) % 256) }
            picture.luma.withUnsafeBufferPointer {
                small.fill(
                    from: LumaPlane(
                        base: $0.baseAddress!, width: size.0, height: size.1, stride: size.0))
            }
            #expect((small.width, small.height) == expected, "\(size)")
            #expect(small.samples.count == expected.0 * expected.1)
            let factor = size.0 / expected.0
            let corner = PictureTwin.mean(
                ByteMap(width: size.0, height: size.1, samples: picture.luma),
                expected.0 - 1, expected.1 - 1, factor: factor)
            #expect(abs(Double(small.samples.last ?? 0) - corner) <= 0.51, "\(size)")
        }
    }

    @Test func rangeIsKeptAndScalesQualityOnly() throws {
        // Faint, so that the quality is not at its bound.
        let texture = Picture.texture(320, 180, seed: 5)
        let picture = Picture(320, 180) { x, y in 10 + texture[x, y] / 2 }
        var hasher = PDQHasher()
        let view = PixelRect(left: 20, top: 20, right: 300, bottom: 160)
        let found = [LumaRange.full, .limited].map { range in
            let small = picture.small(range: range)
            #expect(small.range == range)
            return hasher.spectrum(of: small, in: view, within: PixelRect(whole: 320, 180))
        }
        let (full, limited) = (try #require(found[0]), try #require(found[1]))
        #expect(full.hash(.original) == limited.hash(.original))
        #expect(full.quality > 10 && full.quality < 80)
        #expect(limited.quality > full.quality)
    }

    @Test func partOfACopyHashesAsIfItWereCutOut() throws {
        var hasher = PDQHasher()
        for (number, size) in [(320, 180), (181, 333), (640, 360)].enumerated() {
            let picture = Picture.texture(size.0, size.1, seed: UInt64(number))
            let small = picture.small()
            for rect in [
                PixelRect(left: 0, top: 0, right: size.0 / 2, bottom: size.1),
                PixelRect(left: 37, top: 21, right: size.0 - 1, bottom: size.1 - 40),
                PixelRect(left: size.0 - 64, top: size.1 - 65, right: size.0, bottom: size.1),
            ] {
                let found = hasher.spectrum(
                    of: small, in: rect, within: PixelRect(whole: size.0, size.1))
                let view = try #require(found)
                let cut = try #require(picture.cut(rect).spectrum())
                for form in DihedralForm.allCases {
                    #expect(view.hash(form).distance(to: cut.hash(form)) <= 2, "\(size) \(rect)")
                }
                #expect(abs(view.quality - cut.quality) <= 1)
            }
        }
    }

    @Test func widerViewHashesAsAMirroredMarginWould() throws {
        var hasher = PDQHasher()
        for (number, size) in [(320, 180), (97, 211), (500, 333)].enumerated() {
            let picture = Picture.texture(size.0, size.1, seed: 10 + UInt64(number))
            let small = picture.small()
            let bounds = [
                PixelRect(whole: size.0, size.1),
                PixelRect(left: 11, top: 9, right: size.0 - 7, bottom: size.1 - 20),
            ]
            for bounds in bounds {
                let inner = picture.cut(bounds)
                for (left, top, right, bottom) in [
                    (1, 0, 0, 0), (0, 0, 0, 5), (12, 12, 12, 12), (3, 20, 17, 1),
                    (bounds.width / 3, bounds.height / 3, bounds.width / 4, bounds.height / 4),
                ] {
                    let view = PixelRect(
                        left: bounds.left - left, top: bounds.top - top,
                        right: bounds.right + right, bottom: bounds.bottom + bottom)
                    let found = hasher.spectrum(of: small, in: view, within: bounds)
                    let widened = try #require(found)
                    let padded = try #require(
                        inner.mirrored(left: left, top: top, right: right, bottom: bottom)
                            .spectrum())
                    let distance = widened.hash(.original).distance(to: padded.hash(.original))
                    #expect(distance <= 2, "\(size) by \(left),\(top),\(right),\(bottom)")
                    #expect(abs(widened.quality - padded.quality) <= 1)
                }
            }
        }
    }

    @Test func viewsWithTooLittlePictureHaveNoHash() {
        var hasher = PDQHasher()
        let small = Picture.texture(100, 100, seed: 1).small()
        let whole = PixelRect(whole: 100, 100)
        for (view, bounds) in [
            (PixelRect(left: 0, top: 0, right: 31, bottom: 100), whole),
            (PixelRect(left: 90, top: 0, right: 140, bottom: 100), whole),
            (PixelRect(left: 60, top: 60, right: 50, bottom: 100), whole),
            (whole, PixelRect(left: 0, top: 0, right: 100, bottom: 20)),
        ] {
            for degrees in [0.0, 4] {
                let found = hasher.spectrum(
                    of: small, in: view, within: bounds, degrees: degrees)
                #expect(found == nil, "\(view)")
            }
        }
        let turned = hasher.spectrum(of: small, in: whole, within: whole, degrees: 4)
        #expect(turned != nil)
    }
}

@Suite struct TurnedPictureTests {
    /// The picture in the view turned back by an angle, in floating point: where each sample
    /// comes from, mirrored at the sides of the view, weighed from the four about it.
    private func twin(_ picture: Picture, degrees: Double, in view: PixelRect) -> [Double] {
        let angle = degrees * .pi / 180
        func inside(_ index: Int, _ count: Int) -> Int {
            index < 0 ? -1 - index : index < count ? index : 2 * count - 1 - index
        }
        func sample(_ x: Int, _ y: Int) -> Double {
            Double(
                picture[
                    view.left + inside(x - view.left, view.width),
                    view.top + inside(y - view.top, view.height)])
        }
        let side = 64
        return (0..<side * side).map { index in
            let u = (Double(index % side) + 0.5) / Double(side) * Double(view.width)
            let v = (Double(index / side) + 0.5) / Double(side) * Double(view.height)
            let (right, down) = (u - Double(view.width) / 2, v - Double(view.height) / 2)
            let x =
                Double(view.left) + Double(view.width - 1) / 2 + right * cos(angle)
                - down * sin(angle)
            let y =
                Double(view.top) + Double(view.height - 1) / 2 + right * sin(angle)
                + down * cos(angle)
            let (left, top) = (Int(x.rounded(.down)), Int(y.rounded(.down)))
            let (shareX, shareY) = (x - Double(left), y - Double(top))
            return (sample(left, top) * (1 - shareX) + sample(left + 1, top) * shareX)
                * (1 - shareY)
                + (sample(left, top + 1) * (1 - shareX) + sample(left + 1, top + 1) * shareX)
                * shareY
        }
    }

    @Test(arguments: [-20.0, -4, -0.5, 0, 4, 11])
    func sameAsItsTwin(_ degrees: Double) {
        for (number, size) in [(128, 128), (320, 180), (61, 203)].enumerated() {
            var random = SeededGenerator(seed: UInt64(number))
            let texture = Picture.texture(size.0, size.1, seed: UInt64(number))
            let picture = Picture(size.0, size.1) { x, y in
                number == 0 ? UInt8.random(in: 0...255, using: &random) : texture[x, y]
            }
            for view in [
                PixelRect(whole: size.0, size.1),
                PixelRect(left: 9, top: 4, right: size.0 - 2, bottom: size.1 - 11),
            ] {
                let turned = picture.small().turned(by: degrees, in: view)
                let twin = twin(picture, degrees: degrees, in: view)
                let worst = zip(turned, twin).map { abs(Double($0) - $1) }.max() ?? 255
                // Shares are in 256ths: a level along either axis.
                #expect(turned.count == twin.count && worst <= 2, "\(size) \(view): \(worst)")
            }
        }
    }

    @Test func aTurnIsUndone() throws {
        // The picture turned clockwise: each place shows what stood counter-clockwise of it.
        let (side, angle) = (300, 4 * Double.pi / 180)
        let picture = Picture.texture(side, side, seed: 3)
        let clockwise = Picture(side, side) { x, y in
            let (right, down) = (Double(x) - 149.5, Double(y) - 149.5)
            let from = (
                149.5 + right * cos(angle) + down * sin(angle),
                149.5 - right * sin(angle) + down * cos(angle)
            )
            let (i, j) = (Int(from.0.rounded()), Int(from.1.rounded()))
            return (0..<side).contains(i) && (0..<side).contains(j) ? picture[i, j] : 0
        }
        var hasher = PDQHasher()
        let original = try #require(picture.spectrum()).hash(.original)
        let whole = PixelRect(whole: side, side)
        let distances = try [4.0, 0, -4].map { degrees -> Int in
            let found = hasher.spectrum(
                of: clockwise.small(), in: whole, within: whole, degrees: degrees)
            return try #require(found).hash(.original).distance(to: original)
        }
        #expect(distances[0] < 40, "\(distances)")
        #expect(distances[0] < distances[1] && distances[1] < distances[2], "\(distances)")
    }

    @Test func aViewOfOneColumnTurnsWithinItself() {
        let small = Picture.texture(40, 40, seed: 1).small()
        let turned = small.turned(by: 4, in: PixelRect(left: 3, top: 3, right: 4, bottom: 40))
        #expect(turned.count == 64 * 64)
        let column = (3..<40).map { small.samples[$0 * small.width + 3] }
        #expect(turned.allSatisfy { $0 >= Float(column.min()!) && $0 <= Float(column.max()!) })
    }
}

@Suite struct PaintedOverTests {
    /// The weights of the four sides, sample by sample.
    private func twin(_ small: SmallLuma, over rect: PixelRect) -> [UInt8] {
        var samples = small.samples
        let sample = { (x: Int, y: Int) in Double(small.samples[y * small.width + x]) }
        let (left, top) = (max(0, rect.left - 2), max(0, rect.top - 2))
        let (right, bottom) = (min(small.width, rect.right + 2), min(small.height, rect.bottom + 2))
        for y in top..<bottom {
            for x in left..<right {
                var about: [(value: Double, distance: Int)] = []
                if left > 0 { about.append((sample(left - 1, y), x - left + 1)) }
                if right < small.width { about.append((sample(right, y), right - x)) }
                if top > 0 { about.append((sample(x, top - 1), y - top + 1)) }
                if bottom < small.height { about.append((sample(x, bottom), bottom - y)) }
                let weight = about.map { 1 / Double($0.distance) }.reduce(0, +)
                let sum = about.map { $0.value / Double($0.distance) }.reduce(0, +)
                samples[y * small.width + x] = UInt8((sum / weight).rounded())
            }
        }
        return samples
    }

    @Test func itIsWeighedFromWhatIsAboutIt() {
        let small = Picture.texture(100, 60, seed: 4).small()
        for rect in [
            PixelRect(left: 20, top: 20, right: 50, bottom: 40),
            PixelRect(left: 0, top: 0, right: 30, bottom: 60),
            PixelRect(left: 60, top: 1, right: 99, bottom: 60),
            PixelRect(left: 0, top: 30, right: 100, bottom: 31),
            PixelRect(left: 99, top: 59, right: 140, bottom: 90),
        ] {
            var painted = small
            painted.paint(over: rect)
            let twin = twin(small, over: rect)
            let worst = zip(painted.samples, twin).map { abs(Int($0) - Int($1)) }.max()
            #expect(worst ?? 255 <= 1, "\(rect)")
        }
    }

    @Test func whereNothingIsLeftNothingIsPainted() {
        let small = Picture.texture(40, 40, seed: 4).small()
        for rect in [
            PixelRect(whole: 40, 40), PixelRect(left: 1, top: 1, right: 39, bottom: 39),
            PixelRect(left: 50, top: 50, right: 60, bottom: 60),
        ] {
            var painted = small
            painted.paint(over: rect)
            #expect(painted.samples == small.samples)
        }
    }
}
