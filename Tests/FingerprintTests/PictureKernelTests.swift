// The kernels that look at a small copy, against their scalar twins: random and extreme samples,
// sizes down to one sample, rows with a gap and bottom up.

import CHashKernels
import Fingerprint
import Foundation
import TestSupport
import Testing

@Suite struct PictureKernelTests {
    private static let sizes = [
        (1, 1), (1, 9), (9, 1), (2, 3), (3, 3), (4, 5), (5, 5), (6, 5), (17, 31), (64, 33),
        (65, 64), (129, 7), (300, 41),
    ]

    /// All dark, all bright, columns and a chequer of both, noise, small steps.
    private static func samples(_ width: Int, _ height: Int, kind: Int) -> ByteMap {
        var random = SeededGenerator(seed: UInt64(width * 1000 + height * 10 + kind))
        let samples = (0..<width * height).map { index -> UInt8 in
            let (x, y) = (index % width, index / width)
            return switch kind {
            case 0: 0
            case 1: 255
            case 2: x % 2 == 0 ? 0 : 255
            case 3: (x / 3 + y / 3) % 2 == 0 ? 255 : 0
            case 4: UInt8.random(in: 0...255, using: &random)
            default: UInt8.random(in: 120...128, using: &random)
            }
        }
        return ByteMap(width: width, height: height, samples: samples)
    }

    private func forEachMap(_ body: (ByteMap, Comment) -> Void) {
        for (width, height) in Self.sizes {
            for kind in 0..<6 {
                body(
                    Self.samples(width, height, kind: kind), "\(width)x\(height), kind \(kind)")
            }
        }
    }

    /// The samples with something else between the rows, and where the first row begins.
    private func padded(
        _ map: ByteMap, by gap: Int, isBottomUp: Bool
    ) -> (memory: [UInt8], first: Int, stride: Int) {
        let pitch = map.width + gap
        var memory = [UInt8](repeating: 0x5a, count: pitch * map.height)
        for y in 0..<map.height {
            let row = isBottomUp ? map.height - 1 - y : y
            for x in 0..<map.width { memory[row * pitch + x] = UInt8(map[x, y]) }
        }
        return isBottomUp ? (memory, (map.height - 1) * pitch, -pitch) : (memory, 0, pitch)
    }

    @Test(arguments: [1, 2, 4, 8, 16, 32, 64, 128])
    func copiesHoldTheMeans(_ factor: Int) {
        for (width, height) in [(1, 1), (3, 2), (17, 5), (1100 / factor + 1, 2)] {
            for kind in 0..<6 {
                let map = Self.samples(width * factor + 1, height * factor, kind: kind)
                for (gap, isBottomUp) in [(0, false), (13, false), (3, true)] {
                    let (memory, first, stride) = padded(map, by: gap, isBottomUp: isBottomUp)
                    var out = [UInt8](repeating: 0x77, count: width * height + 1)
                    memory.withUnsafeBufferPointer {
                        vigil_reduce_u8(
                            $0.baseAddress! + first, stride, Int32(factor), Int32(width),
                            Int32(height), &out)
                    }
                    let worst =
                        (0..<width * height).map { place in
                            let mean = PictureTwin.mean(
                                map, place % width, place / width, factor: factor)
                            return abs(Double(out[place]) - mean)
                        }.max() ?? 0
                    #expect(worst <= 0.5, "\(width)x\(height), kind \(kind), gap \(gap)")
                    #expect(out[width * height] == 0x77, "nothing is written behind the copy")
                }
            }
        }
    }

    /// Places of large pictures do not fit in 32 bits of 65536ths.
    @Test(arguments: [
        (64, 48), (70_000, 16), (16, 70_000), (65_535, 64), (27_000, 27_000), (60_000, 60_000),
    ])
    func turnedPicturesAreThoseOfTheTwin(_ width: Int, _ height: Int) {
        // Rows lie over each other, one sample apart: large sides take little memory.
        let samples = (0..<width + height).map { index in
            let place = index / max(1, (width + height) / 200) % 256
            return UInt8(place < 128 ? 2 * place : 511 - 2 * place)
        }
        let side = 64
        for degrees in [-44.0, -4, 0, 12, 44] {
            let (sine, cosine) = (sin(degrees * .pi / 180), cos(degrees * .pi / 180))
            var out = [Float](repeating: -1, count: side * side)
            vigil_turn_u8(
                samples, 1, Int32(width), Int32(height), Float(sine), Float(cosine), Int32(side),
                &out)
            let twin = PictureTwin.turned(
                width: width, height: height, sine: sine, cosine: cosine, side: side
            ) { Double(samples[$0 + $1]) }
            // Floats tell places of large pictures to a hundredth, and the ramp rises slowly.
            let worst = zip(out, twin).map { abs(Double($0) - $1) }.max() ?? .infinity
            #expect(worst < 4, "\(width)x\(height) turned by \(degrees)")
        }
    }

    @Test func outliersAreCountedAsByTheTwin() {
        forEachMap { map, comment in
            for (level, tolerance) in [(0, 0), (0, 254), (0, 255), (255, 12), (124, 3), (128, 127)]
            {
                let twin = { (values: [Int]) in
                    PictureTwin.outliers(values, level: level, tolerance: tolerance)
                }
                for (gap, isBottomUp) in [(0, false), (7, false), (1, true)] {
                    let (memory, first, stride) = padded(map, by: gap, isBottomUp: isBottomUp)
                    var counts = [UInt16](repeating: 9, count: map.width)
                    var rows: [Int] = []
                    memory.withUnsafeBufferPointer {
                        let base = $0.baseAddress! + first
                        vigil_column_outliers(
                            base, stride, Int32(map.width), Int32(map.height), Int32(level),
                            Int32(tolerance), &counts)
                        for y in 0..<map.height {
                            rows.append(
                                Int(
                                    vigil_row_outliers(
                                        base + y * stride, Int32(map.width), Int32(level),
                                        Int32(tolerance))))
                        }
                    }
                    #expect(
                        counts.map(Int.init)
                            == (0..<map.width).map { x in
                                twin((0..<map.height).map { map[x, $0] })
                            }, comment)
                    #expect(
                        rows
                            == (0..<map.height).map { y in
                                twin((0..<map.width).map { map[$0, y] })
                            }, comment)
                }
            }
        }
    }

    @Test func edgesAreMarkedAsByTheTwin() {
        forEachMap { map, comment in
            for threshold in [0, 1, 5, 255] {
                var upright = [UInt8](repeating: 9, count: map.samples.count)
                var level = upright
                vigil_edges(
                    map.samples, Int32(map.width), Int32(map.height), Int32(threshold), &upright,
                    &level)
                #expect(
                    upright == PictureTwin.edges(map, dx: 1, dy: 0, threshold: threshold), comment)
                #expect(
                    level == PictureTwin.edges(map, dx: 0, dy: 1, threshold: threshold), comment)
            }
        }
    }

    @Test func activityIsThatOfTheTwin() {
        forEachMap { map, comment in
            var out = [UInt8](repeating: 9, count: map.samples.count)
            vigil_activity(map.samples, Int32(map.width), Int32(map.height), &out)
            #expect(out == PictureTwin.activity(map), comment)
        }
    }

    @Test func stepsAndRidgesAreThoseOfTheTwin() {
        forEachMap { map, comment in
            var upright = [UInt8](repeating: 9, count: map.samples.count)
            var level = upright
            vigil_steps(map.samples, Int32(map.width), Int32(map.height), &upright, &level)
            #expect(upright == PictureTwin.steps(map, dx: 1, dy: 0), comment)
            #expect(level == PictureTwin.steps(map, dx: 0, dy: 1), comment)
            for (steps, apart) in [(upright, 1), (level, map.width), (map.samples, 3)] {
                for threshold in [0, 6, 200, 255] {
                    var marks = [UInt8](repeating: 9, count: steps.count)
                    vigil_ridges(steps, steps.count, apart, Int32(threshold), &marks)
                    #expect(
                        marks == PictureTwin.ridges(steps, apart: apart, threshold: threshold),
                        comment)
                }
            }
        }
    }

    @Test func agedMapsAreThoseOfTheTwin() {
        for share in [0, 1, 64, 110, 255, 256] {
            for count in [0, 1, 31, 256, 1000] {
                var map = (0..<count).map { UInt8($0 % 256) }
                let marks = (0..<count).map { UInt8($0 / 7 % 3) }
                let twin = zip(map, marks).map {
                    PictureTwin.aged($0, isMarked: $1 != 0, share: share)
                }
                vigil_age(&map, marks, count, Int32(share))
                #expect(
                    zip(map, twin).allSatisfy { abs(Double($0) - $1) <= 0.5 },
                    "share \(share), \(count) values")
            }
        }
    }

    @Test func changesAndProfilesAreThoseOfTheTwin() {
        forEachMap { map, comment in
            let other = Self.samples(map.width, map.height, kind: 4).samples
            for threshold in [0, 10, 254, 255] {
                var marks = [UInt8](repeating: 9, count: other.count)
                vigil_changes(map.samples, other, other.count, Int32(threshold), &marks)
                let twin = zip(map.samples, other).map { now, before -> UInt8 in
                    abs(Int(now) - Int(before)) > threshold ? 1 : 0
                }
                #expect(marks == twin, comment)
            }
            for (gap, isBottomUp) in [(0, false), (5, false), (2, true)] {
                let (memory, first, stride) = padded(map, by: gap, isBottomUp: isBottomUp)
                var rows = [UInt32](repeating: 9, count: map.height)
                var columns = [UInt32](repeating: 9, count: map.width)
                memory.withUnsafeBufferPointer {
                    vigil_profiles(
                        $0.baseAddress! + first, stride, Int32(map.width), Int32(map.height),
                        &rows, &columns)
                }
                #expect(
                    rows.map(Int.init)
                        == (0..<map.height).map { y in
                            (0..<map.width).reduce(0) { $0 + map[$1, y] }
                        }, comment)
                #expect(
                    columns.map(Int.init)
                        == (0..<map.width).map { x in
                            (0..<map.height).reduce(0) { $0 + map[x, $1] }
                        }, comment)
            }
        }
    }
}
