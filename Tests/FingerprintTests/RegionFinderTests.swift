// Which regions are looked at: bounded in number, the same for the same pictures, and for any size
// of picture.

import Fingerprint
import TestSupport
import Testing

@Suite struct RegionFinderTests {
    /// Five contents, two turns and two margins; and what moves, eight rectangles, each of them
    /// painted over as well, and ten windows of the whole and of its content.
    private static let most: [(Effort, Int)] = [(.fast, 0), (.standard, 9), (.thorough, 46)]

    /// Pictures that give every finder something to do.
    private func pictures(_ width: Int, _ height: Int) -> [SmallLuma] {
        let (innerWidth, innerHeight) = (max(1, width / 2), max(1, height / 2))
        let ground = Picture.texture(width, height, seed: 1)
        return (0..<10).map { number in
            let inner = Picture.texture(innerWidth, innerHeight, seed: UInt64(number) + 2)
            let plain = Picture(width, height, level: number % 3 == 0 ? 0 : 200)
            let base = number < 6 ? ground : plain
            return base.painted(inner, left: width / 4, top: height / 4).small()
        }
    }

    private func views(_ effort: Effort, _ pictures: [SmallLuma]) -> [[RegionFinder.View]] {
        var finder = RegionFinder(effort: effort)
        return pictures.enumerated().map { finder.views(of: $1, at: Double($0)) }
    }

    @Test func numberOfViewsIsBounded() {
        for (width, height) in [(640, 360), (320, 240), (200, 700)] {
            let pictures = pictures(width, height)
            for (effort, most) in Self.most {
                let counts = views(effort, pictures).map(\.count)
                #expect(counts.allSatisfy { $0 <= most }, "\(effort): \(counts)")
            }
        }
        let grid = Picture(640, 360) { x, y in x % 64 < 2 || y % 40 < 2 ? 255 : 30 }.small()
        let noise = Picture(640, 360, noise: 127, about: 127, seed: 1).small()
        for (effort, most) in Self.most {
            let counts = views(effort, [grid, noise, grid, noise, grid]).map(\.count)
            #expect(counts.allSatisfy { $0 <= most }, "\(effort): \(counts)")
        }
    }

    @Test func effortsAddToOneAnother() {
        let pictures = pictures(640, 360)
        #expect(views(.fast, pictures).joined().isEmpty)
        for (few, many) in zip(views(.standard, pictures), views(.thorough, pictures)) {
            #expect(!few.isEmpty && few.count < many.count)
            #expect(Array(many.prefix(few.count)) == few)
            #expect(few.allSatisfy { [.content, .turned, .widened].contains($0.region.kind) })
        }
        let kinds = Set(views(.thorough, pictures).joined().map(\.region.kind))
        #expect(kinds.isSuperset(of: [.turned, .widened, .moving, .framed, .window, .uncovered]))
        #expect(!kinds.contains(.whole), "the whole picture is hashed anyway")
    }

    @Test func samePicturesGiveTheSameViews() {
        let pictures = pictures(400, 300)
        for effort in Effort.allCases {
            #expect(views(effort, pictures) == views(effort, pictures))
        }
    }

    @Test func viewsAreNotNearlyTheSame() {
        for views in views(.thorough, pictures(640, 360)) {
            let upright = views.filter { $0.region.degrees == 0 && $0.covered == nil }.map(\.pixels)
            for (number, view) in upright.enumerated() {
                #expect(view.overlap(PixelRect(whole: 640, 360)) < 0.97)
                #expect(upright[..<number].allSatisfy { $0.overlap(view) < 0.97 })
            }
        }
    }

    @Test func sharesAreThoseOfTheSamples() {
        for view in views(.thorough, pictures(640, 360)).joined() {
            let (region, pixels) = (view.region, view.covered ?? view.pixels)
            #expect(abs(region.left * 640 - Float(pixels.left)) < 0.01)
            #expect(abs(region.top * 360 - Float(pixels.top)) < 0.01)
            #expect(abs(region.right * 640 - Float(pixels.right)) < 0.01)
            #expect(abs(region.bottom * 360 - Float(pixels.bottom)) < 0.01)
            let inner = PixelRect(whole: 640, 360)
            if region.kind != .widened { #expect(pixels.overlap(inner) * 640 * 360 > 0) }
        }
    }

    @Test func borderedPicturesAreSeenWithoutTheirBorder() throws {
        var finder = RegionFinder(effort: .standard)
        let content = PixelRect(left: 0, top: 60, right: 640, bottom: 300)
        let picture = Picture(640, 360, level: 0).painted(
            Picture.texture(640, 240, seed: 4), left: 0, top: 60
        ).small()
        let views = finder.views(of: picture, at: 0)
        #expect(views.first?.region.kind == .content && views.first?.pixels == content)
        #expect(views.filter { $0.region.kind == .turned }.allSatisfy { $0.pixels == content })
        // Wider than the content, with a mirror's image where the border is.
        let widened = try #require(views.first { $0.region.kind == .widened })
        #expect(widened.bounds == content && widened.pixels.height > content.height)
    }

    @Test func pictureWithinAPictureHashesAsItself() throws {
        let inner = Picture.texture(320, 180, seed: 77)
        let ground = Picture(640, 360, noise: 20, about: 210, seed: 2)
        let picture = ground.painted(inner, left: 40, top: 50).small()
        let original = try #require(inner.spectrum()).hash(.original)
        var finder = RegionFinder(effort: .thorough)
        var hasher = PDQHasher()
        let found = hasher.fingerprints(
            of: picture, effort: .thorough, finder: &finder, mediaTime: 3, frame: 7)
        // Without its border, or as a frame; once.
        let same = found.filter { $0.hash.distance(to: original) < 20 }
        #expect(same.count == 1 && same.first?.variant == .original)
        #expect(found.allSatisfy { $0.mediaTime == 3 && $0.frame == 7 && $0.quality > 0 })
        #expect(found.allSatisfy { $0.isNegativeSought })
    }

    @Test(arguments: [(40, 30, 220, 110), (420, 0, 220, 150), (250, 180, 180, 180)])
    func whatALogoHidesIsPaintedOver(_ left: Int, _ top: Int, _ width: Int, _ height: Int) throws {
        let original = Picture.texture(640, 360, seed: 31)
        let picture = original.painted(
            Picture(width, height, noise: 2, about: 235, seed: 5), left: left, top: top)
        let hash = try #require(original.spectrum()).hash(.original)
        let covered = try #require(picture.spectrum()).hash(.original).distance(to: hash)
        var finder = RegionFinder(effort: .thorough)
        var hasher = PDQHasher()
        let found = hasher.fingerprints(
            of: picture.small(), effort: .thorough, finder: &finder, mediaTime: 0, frame: 0)
        let uncovered = found.filter { $0.region.kind == .uncovered && $0.variant == .original }
        let distances = uncovered.map { $0.hash.distance(to: hash) }
        #expect(try #require(distances.min()) < covered * 3 / 4, "\(covered): \(distances)")
    }

    @Test func anotherResolutionInTheMiddleIsTakenAsItComes() {
        let wide = pictures(640, 360)
        let upright = pictures(240, 426)
        let tiny = pictures(40, 30)
        for (effort, most) in Self.most {
            var finder = RegionFinder(effort: effort)
            for (number, small) in (wide + upright + tiny + wide + tiny + upright).enumerated() {
                let found = finder.views(of: small, at: Double(number))
                #expect(found.count <= most)
                let whole = PixelRect(whole: small.width, small.height)
                for view in found where view.region.kind != .widened {
                    #expect(view.pixels.left >= 0 && view.pixels.top >= 0)
                    #expect(view.pixels.right <= whole.right)
                    #expect(view.pixels.bottom <= whole.bottom)
                }
            }
        }
    }

    @Test(arguments: [
        (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 7), (1, 600), (600, 1), (2, 1500), (5, 2000),
        (2000, 5), (6, 2000), (7, 513), (16, 16), (17, 17), (31, 33), (4000, 40),
    ])
    func sizesAtTheEdgeOfAPictureAreTakenAsTheyCome(_ size: (width: Int, height: Int)) {
        let pictures = (0..<5).map { number in
            Picture(size.width, size.height) { x, y in
                UInt8((x * 37 + y * 91 + number * 50) % 256)
            }.small()
        }
        for (effort, most) in Self.most {
            var finder = RegionFinder(effort: effort)
            var hasher = PDQHasher()
            for (number, small) in pictures.enumerated() {
                let found = hasher.fingerprints(
                    of: small, effort: effort, finder: &finder, mediaTime: Double(number),
                    frame: number)
                #expect(found.count <= 8 * most)
            }
        }
        var finder = RegionFinder(effort: .thorough)
        #expect(finder.views(of: SmallLuma(), at: 0).isEmpty)
    }

    @Test func regionsAreDueOnceInEachStretchOfTime() {
        #expect(RegionFinder.isDue(at: 0, after: nil) && RegionFinder.isDue(at: 7.1, after: nil))
        #expect(!RegionFinder.isDue(at: 0.19, after: 0.01))
        #expect(RegionFinder.isDue(at: 0.21, after: 0.19))
        #expect(RegionFinder.isDue(at: 5, after: 3))
        #expect(RegionFinder.isDue(at: 3, after: 5), "time stamps may go back")
        #expect(!RegionFinder.isDue(at: -0.05, after: -0.15))
        #expect(RegionFinder.isDue(at: 0.05, after: -0.05))
        // Every frame of a clip of 25 a second: five in each second.
        var finder = RegionFinder(effort: .standard)
        let small = Picture.texture(64, 64, seed: 1).small()
        var due = 0
        for frame in 0..<100 {
            let time = Double(frame) / 25 + 0.001
            guard finder.isDue(at: time) else { continue }
            due += 1
            _ = finder.views(of: small, at: time)
            #expect(!finder.isDue(at: time))
        }
        #expect(due == 20)
    }
}
