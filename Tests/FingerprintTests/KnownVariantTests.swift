// Variants of a picture against copies that were really cropped and turned, by code that has nothing
// in common with theirs.

import Fingerprint
import Foundation
import TestSupport
import Testing

/// A picture of waves of random directions: structure at every scale that PDQ reads.
private struct Waves {
    private let waves: [(x: Double, y: Double, phase: Double, height: Double)]

    init(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        waves = (0..<40).map { _ in
            let reach = Double.random(in: 1...9, using: &random)
            let angle = Double.random(in: 0...(2 * .pi), using: &random)
            return (
                reach * cos(angle), reach * sin(angle),
                Double.random(in: 0...(2 * .pi), using: &random), 40 / reach
            )
        }
    }

    /// Luma at a place, both 0…1.
    func value(_ x: Double, _ y: Double) -> Double {
        waves.reduce(128) { $0 + $1.height * cos(2 * .pi * ($1.x * x + $1.y * y) + $1.phase) }
    }

    func picture(width: Int, height: Int) -> VariantPicture {
        VariantPicture(width: width, height: height) { x, y in
            value((Double(x) + 0.5) / Double(width), (Double(y) + 0.5) / Double(height))
        }
    }
}

private struct VariantPicture {
    let width: Int
    let height: Int
    private(set) var samples: [UInt8] = []

    init(width: Int, height: Int, _ value: (Int, Int) -> Double) {
        self.width = width
        self.height = height
        for y in 0..<height {
            for x in 0..<width { samples.append(UInt8(min(255, max(0, value(x, y).rounded())))) }
        }
    }

    func with<Result>(_ body: (LumaPlane) -> Result) -> Result {
        samples.withUnsafeBufferPointer {
            body(LumaPlane(base: $0.baseAddress!, width: width, height: height, stride: width))
        }
    }

    /// Without so much of a side at the left, top, right and bottom.
    func cropped(_ left: Double, _ top: Double, _ right: Double, _ bottom: Double) -> VariantPicture
    {
        let (x0, y0) = (Int(left * Double(width)), Int(top * Double(height)))
        return VariantPicture(
            width: width - x0 - Int(right * Double(width)),
            height: height - y0 - Int(bottom * Double(height))
        ) { x, y in Double(samples[(y + y0) * width + x + x0]) }
    }

    /// As it looks when it was turned clockwise; what comes in from outside is mirrored.
    func turned(_ degrees: Double) -> VariantPicture {
        let angle = degrees * .pi / 180
        return VariantPicture(width: width, height: height) { column, row in
            let x = Double(column) - Double(width - 1) / 2
            let y = Double(row) - Double(height - 1) / 2
            return bilinear(
                cos(angle) * x + sin(angle) * y + Double(width - 1) / 2,
                cos(angle) * y - sin(angle) * x + Double(height - 1) / 2)
        }
    }

    private func bilinear(_ x: Double, _ y: Double) -> Double {
        func mirrored(_ index: Int, _ count: Int) -> Int {
            index < 0 ? -1 - index : index >= count ? 2 * count - 1 - index : index
        }
        func sample(_ x: Int, _ y: Int) -> Double {
            Double(samples[mirrored(y, height) * width + mirrored(x, width)])
        }
        let (left, top) = (Int(floor(x)), Int(floor(y)))
        let (right, below) = (x - floor(x), y - floor(y))
        return (1 - below) * ((1 - right) * sample(left, top) + right * sample(left + 1, top))
            + below * ((1 - right) * sample(left, top + 1) + right * sample(left + 1, top + 1))
    }

    func padded(horizontally x: Int, vertically y: Int) -> VariantPicture {
        VariantPicture(width: width + 2 * x, height: height + 2 * y) { column, row in
            let (left, top) = (column - x, row - y)
            let isInside = (0..<width).contains(left) && (0..<height).contains(top)
            return isInside ? Double(samples[top * width + left]) : 16
        }
    }
}

@Suite struct KnownVariantTests {
    private func hash(_ picture: VariantPicture) -> PDQHash {
        var hasher = PDQHasher()
        return picture.with { hasher.hash($0).hash }
    }

    private func variants(
        _ picture: VariantPicture, _ level: VariantLevel = .thorough
    ) -> [KnownVariant: PDQHash] {
        var hasher = PDQHasher()
        var finder = KnownVariantFinder(level: level)
        var small = SmallLuma()
        picture.with { small.fill(from: $0) }
        let found = hasher.variants(
            of: small, whole: hash(picture), finder: &finder, mediaTime: 0)
        // Of two of a kind the first is of the content, the second of the whole.
        return Dictionary(found.map { ($0.variant, $0.hash) }) { first, _ in first }
    }

    /// What was done to a copy that a variant stands for.
    private func copy(of picture: VariantPicture, _ variant: KnownVariant) -> VariantPicture {
        switch variant {
        case .original, .content: picture
        case .crop5: picture.cropped(0.05, 0.05, 0.05, 0.05)
        case .crop10: picture.cropped(0.1, 0.1, 0.1, 0.1)
        case .cropLeft10: picture.cropped(0.1, 0, 0, 0)
        case .cropRight10: picture.cropped(0, 0, 0.1, 0)
        case .cropTop10: picture.cropped(0, 0.1, 0, 0)
        case .cropBottom10: picture.cropped(0, 0, 0, 0.1)
        case .turnRight4: picture.turned(4)
        case .turnLeft4: picture.turned(-4)
        }
    }

    @Test(arguments: [(640, 400), (1100, 600), (600, 1100)])
    func variantsAreTheHashesOfRealCopies(_ width: Int, _ height: Int) throws {
        for seed in 1...2 as ClosedRange<UInt64> {
            let picture = Waves(seed: seed).picture(width: width, height: height)
            let found = variants(picture)
            #expect(found.count >= 6 && found[.content] == nil && found[.original] == nil)
            for (variant, hash) in found {
                let distance = hash.distance(to: self.hash(copy(of: picture, variant)))
                // A turned view is sampled coarsely.
                let most = [.turnRight4, .turnLeft4].contains(variant) ? 18 : 10
                #expect(distance <= most, "\(variant) of \(width)x\(height), picture \(seed)")
            }
        }
    }

    @Test func levelsNestAndNoneMakesNone() {
        let picture = Waves(seed: 4).picture(width: 640, height: 480)
        let (standard, thorough) = (variants(picture, .standard), variants(picture))
        #expect(variants(picture, .none).isEmpty && standard.count < thorough.count)
        for (variant, hash) in standard { #expect(thorough[variant] == hash, "\(variant)") }
        #expect(Set(VariantLevel.standard.variants).isSubset(of: VariantLevel.thorough.variants))
        #expect(!KnownVariantFinder(level: nil).isDue(at: 0))
    }

    @Test func variantsDifferFromThePictureAndFromOneAnother() {
        let picture = Waves(seed: 5).picture(width: 640, height: 480)
        let all = Array(variants(picture).values) + [hash(picture)]
        for (place, hash) in all.enumerated() {
            #expect(all[..<place].allSatisfy { $0.distance(to: hash) > 10 })
        }
        let flat = VariantPicture(width: 640, height: 480) { _, _ in 90 }
        #expect(variants(flat).isEmpty)
    }

    @Test func bordersComeOffFirst() throws {
        let inner = Waves(seed: 6).picture(width: 640, height: 360)
        let found = variants(inner.padded(horizontally: 0, vertically: 120))
        let plain = variants(inner)
        #expect(try #require(found[.content]).distance(to: hash(inner)) <= 6)
        for variant in [KnownVariant.crop10, .turnLeft4] {
            let (one, other) = (try #require(found[variant]), try #require(plain[variant]))
            #expect(one.distance(to: other) <= 8, "\(variant)")
        }
    }

    /// A plain wall at one side looks like a border; a crop is found all the same.
    @Test func aPlainSideIsNoReasonToMissACrop() {
        let inner = Waves(seed: 8).picture(width: 640, height: 480)
        let wall = VariantPicture(width: 640, height: 480) { x, y in
            x < 200 ? 90 : Double(inner.samples[y * 640 + x])
        }
        var hasher = PDQHasher()
        var finder = KnownVariantFinder(level: .standard)
        var small = SmallLuma()
        wall.with { small.fill(from: $0) }
        let found = hasher.variants(
            of: small, whole: hash(wall), finder: &finder, mediaTime: 0)
        let copy = hash(wall.cropped(0.1, 0.1, 0.1, 0.1))
        #expect(found.contains { $0.variant == .content })
        #expect(found.contains { $0.variant == .crop10 && $0.hash.distance(to: copy) <= 6 })
    }

    @Test func variantsAreDueFiveTimesASecond() {
        let picture = Waves(seed: 7).picture(width: 320, height: 240)
        var hasher = PDQHasher()
        var finder = KnownVariantFinder(level: .standard)
        var small = SmallLuma()
        picture.with { small.fill(from: $0) }
        var times: [Double] = []
        for frame in 0..<50 {
            let time = Double(frame) / 25
            guard finder.isDue(at: time) else { continue }
            times.append(time)
            _ = hasher.variants(of: small, whole: .zero, finder: &finder, mediaTime: time)
        }
        #expect(times.count == 10 && times[1] == 0.2)
    }

    /// They stand in files: a value that changed its meaning would turn known sets into noise.
    @Test func rawValuesAndNamesStay() {
        let names = KnownVariant.allCases.map { "\($0.rawValue) \($0)" }
        #expect(
            names == [
                "0 original", "1 content", "2 crop_5", "3 crop_10", "4 crop_left_10",
                "5 crop_right_10", "6 crop_top_10", "7 crop_bottom_10", "8 turn_right_4",
                "9 turn_left_4",
            ])
    }
}
