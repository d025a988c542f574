// Low-structure pictures that are drawn here, pictures with structure drawn here too, and, where
// they stand beside the checkout, the reference's hashes of every frame of real clips.

import Fingerprint
import Foundation
import TestSupport
import Testing

/// A grey picture that is drawn on.
private struct Canvas {
    static let (width, height) = (320, 240)
    var luma: [UInt8]

    init(_ value: (_ x: Double, _ y: Double) -> Double) {
        luma = (0..<Self.width * Self.height).map { index in
            let x = Double(index % Self.width) / Double(Self.width)
            let y = Double(index / Self.width) / Double(Self.height)
            return UInt8(max(0, min(255, value(x, y))))
        }
    }

    /// What a coder adds: a few grey levels of noise.
    func grainy(seed: UInt64) -> Canvas {
        var random = SeededGenerator(seed: seed)
        var copy = self
        for index in luma.indices {
            copy.luma[index] = UInt8(
                max(0, min(255, Int(luma[index]) + Int.random(in: -3...3, using: &random))))
        }
        return copy
    }

    func spectrum(range: LumaRange = .full) throws -> PDQSpectrum {
        var hasher = PDQHasher()
        let found = luma.withUnsafeBufferPointer {
            hasher.spectrum(
                of: LumaPlane(
                    base: $0.baseAddress!, width: Self.width, height: Self.height,
                    stride: Self.width, range: range))
        }
        return try #require(found)
    }

    static let simple: [(String, Canvas)] = [
        ("disc", Canvas { x, y in hypot((x - 0.5) * 4, (y - 0.5) * 3) < 1.1 ? 235 : 16 }),
        ("box off centre", Canvas { x, y in x > 0.1 && x < 0.4 && y > 0.5 && y < 0.9 ? 30 : 240 }),
        ("bars", Canvas { x, _ in [235, 40, 200, 90, 170, 20, 130, 60][min(7, Int(x * 8))] }),
        ("gradient", Canvas { x, y in 255 * (0.7 * x + 0.3 * y) }),
        ("waves", Canvas { x, y in 128 + 120 * sin(40 * x + 25 * y) }),
        ("chequered", Canvas { x, y in (Int(x * 8) + Int(y * 6)) % 2 == 0 ? 230 : 20 }),
        (
            "lines of a form",
            Canvas { x, y in Int(y * 240) % 24 < 2 || Int(x * 320) % 80 < 2 ? 0 : 255 }
        ),
        (
            "letters on plain",
            Canvas { x, y in
                let isLetter = x > 0.2 && x < 0.8 && y > 0.4 && y < 0.6
                let stroke = Int(x * 320) % 22 < 7 || (Int(x * 320) / 22 % 2 == 0 && y < 0.45)
                return isLetter && stroke ? 255 : 12
            }
        ),
    ]

    /// Blobs of all sizes and greys over each other, seldom alike in two places: what a photograph
    /// is to the measure.
    static func scene(seed: UInt64) -> Canvas {
        var random = SeededGenerator(seed: seed)
        let blobs = (0..<60).map { number -> (x: Double, y: Double, size: Double, grey: Double) in
            (
                Double.random(in: 0...1, using: &random), Double.random(in: 0...1, using: &random),
                0.3 / Double(1 + number / 8), Double.random(in: -110...110, using: &random)
            )
        }
        return Canvas { x, y in
            blobs.reduce(120) { sum, blob in
                let distance = hypot(x - blob.x, y - blob.y) / blob.size
                return sum + blob.grey * exp(-distance * distance)
            }
        }.grainy(seed: seed)
    }
}

@Suite struct PictureStructureTests {
    @Test func simplePicturesAreTold() throws {
        for (number, (name, canvas)) in Canvas.simple.enumerated() {
            for picture in [canvas, canvas.grainy(seed: UInt64(number))] {
                #expect(try picture.spectrum().isLowStructure, "\(name)")
                #expect(try picture.spectrum(range: .limited).isLowStructure, "\(name), limited")
            }
        }
        // The measure matters only where quality lets them through.
        let passing = try Canvas.simple.count { try $0.1.spectrum().quality >= 50 }
        #expect(passing >= 5)
    }

    @Test func noGreyIsLostBetweenTwoSteps() throws {
        for dark in 0...20 {
            let disc = Canvas { x, y in
                hypot((x - 0.5) * 4, (y - 0.5) * 3) < 0.8 ? 200 + Double(dark) : Double(dark)
            }
            #expect(try disc.grainy(seed: 9).spectrum().isLowStructure, "\(dark)")
        }
    }

    @Test func flatPicturesHaveLowStructure() throws {
        for value in [0.0, 17, 128, 255] {
            #expect(try Canvas { _, _ in value }.spectrum().isLowStructure)
        }
    }

    @Test func fullPicturesAreNot() throws {
        for seed in 1...40 as ClosedRange<UInt64> {
            let spectrum = try Canvas.scene(seed: seed).spectrum()
            #expect(spectrum.quality >= 50, "seed \(seed)")
            #expect(!spectrum.isLowStructure, "seed \(seed)")
            #expect(!spectrum.hash(.original).isLowStructure, "seed \(seed)")
        }
    }

    @Test func bitsAloneTellRegularSigns() {
        // The sign of row times the sign of column, with one bit in sixteen turned over.
        var random = SeededGenerator(seed: 6)
        for _ in 0..<100 {
            let rows = random.next()
            let columns = random.next()
            var words = SIMD4<UInt64>.zero
            for index in 0..<256 {
                let bit = (rows >> UInt64(index / 16) ^ columns >> UInt64(index % 16)) & 1
                words[index / 64] |= bit << UInt64(index % 64)
            }
            #expect(PDQHash(words: words).isLowStructure)
            for _ in 0..<8 {
                words[Int.random(in: 0..<4, using: &random)] ^= 1 << (random.next() & 63)
            }
            #expect(PDQHash(words: words).isLowStructure)
            let noise = PDQHash(
                words: [random.next(), random.next(), random.next(), random.next()])
            #expect(!noise.isLowStructure)
        }
        #expect(PDQHash.zero.isLowStructure)
    }

    /// The definition, bit by bit.
    private func isLowStructure(_ hash: PDQHash) -> Bool {
        var breaks = 0
        for row in 0..<14 {
            for column in 0..<14 {
                let corners = [(0, 0), (0, 2), (2, 0), (2, 2)].count {
                    hash.bit(16 * (row + $0) + column + $1)
                }
                breaks += corners % 2
            }
        }
        return breaks < 44
    }

    @Test func wordsAgreeWithBits() {
        var random = SeededGenerator(seed: 7)
        var low = 0
        for round in 0..<2000 {
            // Ever more bits turned over, so that both answers come up, and those near the limit.
            var hash = PDQHash(words: [0x5555_aaaa_5555_aaaa, 0xff, ~0, 0x5a5a_5a5a_5a5a_5a5a])
            for _ in 0..<round / 40 {
                hash.words[Int.random(in: 0..<4, using: &random)] ^= 1 << (random.next() & 63)
            }
            #expect(hash.isLowStructure == isLowStructure(hash))
            #expect(hash.complement.isLowStructure == hash.isLowStructure)
            low += hash.isLowStructure ? 1 : 0
        }
        #expect(low > 100 && low < 1900)
    }

    @Test func formsOfAPictureAgree() throws {
        for seed in 1...10 as ClosedRange<UInt64> {
            let spectrum = try Canvas.scene(seed: seed).spectrum()
            let counts = DihedralForm.allCases.map { breaks(of: spectrum.hash($0)) }
            let spread = try #require(counts.max()) - (try #require(counts.min()))
            // A form has a median of its own, so a few bits differ.
            #expect(spread <= 12, "seed \(seed): \(counts)")
        }
    }

    private func breaks(of hash: PDQHash) -> Int {
        (0..<14 * 14).count { square in
            let place = 16 * (square / 14) + square % 14
            return [0, 2, 32, 34].count { hash.bit(place + $0) } % 2 == 1
        }
    }

    @Test(.enabled("needs ../shared/data") { ReferenceHashes.arePresent })
    func framesOfRealClipsHaveStructure() throws {
        var total = 0
        for name in try ReferenceHashes.names() {
            let frames = try ReferenceHashes.frames(of: name).filter { $0.quality >= 50 }
            let low = frames.count { $0.hash.isLowStructure }
            #expect(low * 50 <= frames.count, "\(name): \(low) of \(frames.count)")
            total += frames.count
        }
        #expect(total > 2000)
    }
}

/// What the vPDQ reference says of clips that may stand beside the checkout.
private enum ReferenceHashes {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "shared/data/vpdq-reference").path

    static var arePresent: Bool {
        let areThere = FileManager.default.fileExists(atPath: folder)
        if !areThere { print("skipped: needs ../shared/data/vpdq-reference, which is not there") }
        return areThere
    }

    static func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }

    static func frames(of name: String) throws -> [FrameFingerprint] {
        try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8).split(separator: "\n")
            .map { try #require(FrameFingerprint(vpdqLine: $0), "\(name): \($0.prefix(8))") }
    }
}
