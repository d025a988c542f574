// Kernels against their scalar twins on random and extreme inputs, odd sizes, every alignment, and
// rows that are longer than the picture is wide or stored bottom up.

import CHashKernels
import Fingerprint
import Foundation
import TestSupport
import Testing

@Suite struct KernelTests {
    /// The 64x64 picture cannot be read from outside, so the twin goes on to the hash and both are
    /// compared where no coefficient lies within rounding of the median.
    private func expectTwin(
        _ luma: [UInt8], width: Int, height: Int, actual: (hash: PDQHash, quality: Int),
        _ comment: Comment
    ) {
        let picture = ScalarTwin.downsample(luma.map(Double.init), width: width, height: height)
            .map { Float($0) }
        let values = ScalarTwin.dct(picture, matrix: PDQHasher.dctMatrix)
        let median = values.sorted()[127]
        let largest = values.map(abs).max() ?? 0
        for (index, value) in values.enumerated() where abs(value - median) > 1e-4 * largest {
            #expect(actual.hash.bit(index) == (value > median), comment)
        }
        let quality = min(100, ScalarTwin.gradientSum(picture, scale: 1) / 90)
        #expect(abs(actual.quality - quality) <= 1, comment)
    }

    @Test func hashAgreesWithTheTwinAtOddSizesStridesAndAlignments() {
        var random = SeededGenerator(seed: 1)
        var hasher = PDQHasher()
        let sizes = [
            (5, 5), (7, 300), (63, 64), (64, 64), (65, 63), (100, 37), (129, 127), (255, 90),
            (333, 211), (641, 17),
        ]
        for (width, height) in sizes {
            for padding in [0, 1, 13] {
                let stride = width + padding
                let offset = Int.random(in: 0..<64, using: &random)
                var memory = [UInt8](repeating: 0xaa, count: offset + stride * height)
                var tight: [UInt8] = []
                let smooth = Bool.random(using: &random)
                for y in 0..<height {
                    for x in 0..<width {
                        let value =
                            smooth
                            ? UInt8(truncatingIfNeeded: (x * 5 ^ y * 3) / 2)
                            : UInt8.random(in: 0...255, using: &random)
                        memory[offset + y * stride + x] = value
                        tight.append(value)
                    }
                }
                let actual = memory.withUnsafeBufferPointer {
                    hasher.hash(
                        LumaPlane(
                            base: $0.baseAddress! + offset, width: width, height: height,
                            stride: stride))
                }
                expectTwin(
                    tight, width: width, height: height, actual: actual,
                    "\(width)x\(height) padding \(padding) offset \(offset)")
                let last = offset + (height - 1) * stride
                let flipped = memory.withUnsafeBufferPointer {
                    hasher.hash(
                        LumaPlane(
                            base: $0.baseAddress! + last, width: width, height: height,
                            stride: -stride))
                }
                let upsideDown =
                    stride == 0
                    ? []
                    : (0..<height).reversed().flatMap {
                        tight[$0 * width..<($0 + 1) * width]
                    }
                expectTwin(
                    upsideDown, width: width, height: height, actual: flipped, "bottom up")
            }
        }
    }

    @Test func extremePicturesGiveFiniteAnswers() {
        var hasher = PDQHasher()
        for value: UInt8 in [0, 1, 128, 255] {
            let luma = [UInt8](repeating: value, count: 70 * 70)
            let result = luma.withUnsafeBufferPointer {
                hasher.hash(LumaPlane(base: $0.baseAddress!, width: 70, height: 70, stride: 70))
            }
            #expect(result.quality == 0)
        }
        var random = SeededGenerator(seed: 5)
        let blocks = (0..<64).map { _ in UInt8.random(in: 0...1, using: &random) * 255 }
        let mosaic = (0..<128 * 128).map { (index: Int) -> UInt8 in
            let (row, column) = (index / 128 / 16, index % 128 / 16)
            return blocks[row * 8 + column]
        }
        let result = mosaic.withUnsafeBufferPointer {
            hasher.hash(LumaPlane(base: $0.baseAddress!, width: 128, height: 128, stride: 128))
        }
        #expect(result.quality == 100)
    }

    @Test func picturesWhoseBitsAreRoundingNoiseHaveNoQuality() {
        var hasher = PDQHasher()
        let shapes: [(String, (Int, Int) -> UInt8)] = [
            ("stripes", { x, _ in x / 20 % 2 == 0 ? 20 : 230 }),
            ("bars across", { _, y in y / 13 % 2 == 0 ? 20 : 230 }),
        ]
        for (name, value) in shapes {
            let luma = (0..<256 * 256).map { value($0 % 256, $0 / 256) }
            let result = luma.withUnsafeBufferPointer {
                hasher.hash(LumaPlane(base: $0.baseAddress!, width: 256, height: 256, stride: 256))
            }
            #expect(result.quality == 0, "\(name)")
        }
    }

    @Test func tooSmallPicturesHaveNoHash() {
        var hasher = PDQHasher()
        let luma = [UInt8](repeating: 9, count: 4000)
        for (width, height) in [(1, 1), (4, 1000), (1000, 4)] {
            let result = luma.withUnsafeBufferPointer {
                hasher.hash(
                    LumaPlane(base: $0.baseAddress!, width: width, height: height, stride: width))
            }
            #expect(result.hash == .zero && result.quality == 0)
        }
    }

    @Test func limitedRangeScalesQualityOnly() {
        var hasher = PDQHasher()
        let luma = (0..<200 * 200).map { (index: Int) -> UInt8 in
            let (x, y) = (Double(index % 200), Double(index / 200))
            return UInt8(110 + 14 * sin(x / 9 + y / 30) * cos(y / 7 - x / 50))
        }
        func hash(_ range: LumaRange) -> (hash: PDQHash, quality: Int) {
            luma.withUnsafeBufferPointer {
                hasher.hash(
                    LumaPlane(
                        base: $0.baseAddress!, width: 200, height: 200, stride: 200, range: range))
            }
        }
        let (full, limited) = (hash(.full), hash(.limited))
        #expect(full.hash == limited.hash)
        #expect(full.quality > 10 && full.quality < 90)
        #expect(limited.quality > full.quality)
    }

    @Test func medianIsTheLowerOne() {
        var random = SeededGenerator(seed: 3)
        for round in 0..<200 {
            let values = (0..<256).map { _ -> Float in
                round % 2 == 0
                    ? Float.random(in: -1000...1000, using: &random)
                    : Float(Int.random(in: -3...3, using: &random))
            }
            #expect(vigil_median_256(values) == values.sorted()[127])
        }
    }
}

@Suite struct PDQHashTests {
    @Test func textAndBytesRoundTrip() throws {
        var random = SeededGenerator(seed: 4)
        for _ in 0..<500 {
            let words = SIMD4<UInt64>(
                random.next(), random.next(), random.next(), random.next())
            let hash = PDQHash(words: words)
            #expect(PDQHash(hex: hash.hex) == hash)
            #expect(PDQHash(hex: hash.hex.uppercased()) == hash)
            #expect(PDQHash(bytes: hash.bytes) == hash)
        }
        let first = try #require(PDQHash(hex: "8" + String(repeating: "0", count: 63)))
        #expect(first.bit(255))
        #expect(first.words[3] == 1 << 63)
    }

    @Test func malformedTextIsRefused() {
        let good = String(repeating: "a", count: 64)
        #expect(PDQHash(hex: good) != nil)
        for bad in [
            "", "0", good + "a", String(good.dropLast()) + "g", String(good.dropLast()) + "é",
        ] {
            #expect(PDQHash(hex: bad) == nil)
        }
        #expect(PDQHash(bytes: [1, 2, 3]) == nil)
    }

    @Test func complementIsFarthest() {
        let hash = PDQHash(words: [1, 2, 3, 4])
        #expect(hash.distance(to: hash) == 0)
        #expect(hash.distance(to: hash.complement) == 256)
        #expect(PDQHash.zero.distance(to: PDQHash(words: [7, 0, 0, 1 << 63])) == 4)
    }

    @Test func neverPrintsItself() {
        let hash = PDQHash(words: [0x1234, 0, 0, 0])
        var dumped = ""
        dump(hash, to: &dumped)
        #expect("\(hash)" == "PDQHash(redacted)")
        #expect(String(reflecting: hash) == "PDQHash(redacted)")
        #expect(!dumped.contains("1234") && !dumped.contains("4660"))
    }

    @Test func vpdqLineRoundTrips() throws {
        let hash = PDQHash(words: [1, 2, 3, 4])
        let fingerprint = FrameFingerprint(hash: hash, quality: 99, mediaTime: 12.0334, frame: 7)
        #expect(fingerprint.vpdqLine == "7,99,\(hash.hex),12.033")
        let read = try #require(FrameFingerprint(vpdqLine: fingerprint.vpdqLine))
        #expect(read.hash == hash && read.mediaTime == 12.033 && read.frame == 7)
        for bad in ["", "1,2,3", "x,1,\(hash.hex),0", "1,101,\(hash.hex),0", "1,1,\(hash.hex),nan"]
        {
            #expect(FrameFingerprint(vpdqLine: bad) == nil)
        }
    }
}
