// Films for tests of edited copies: seeded, and with what natural pictures have and test patterns
// lack: scenes, structure at every scale, edges of objects that hide one another, motion, grain.
//
// Each scene is a picture of dead leaves, discs of all sizes that lie on one another and have a
// texture, over which a window moves; a disc of its own moves before it. Source of the model: Lee,
// Mumford, Huang, "Occlusion models for natural images", IJCV 41 (2001).

import Foundation
import TestSupport

/// A seeded film of several scenes, grey, 10 frames a second.
struct GeneratedFilm {
    static let (width, height) = (320, 180)
    static let framesPerSecond = 10
    /// Frames of a scene.
    private static let sceneFrames = 20
    /// How far the window moves, samples.
    private static let reach = 48

    private let scenes: [[UInt8]]
    private let seed: UInt64

    init(seed: UInt64, seconds: Int) {
        self.seed = seed
        let count = seconds * Self.framesPerSecond / Self.sceneFrames
        scenes = (0..<count).map { Self.scene(seed: seed * 1000 + UInt64($0)) }
    }

    private static let (sceneWidth, sceneHeight) = (width + reach, height + reach)

    private static func scene(seed: UInt64) -> [UInt8] {
        var random = SeededGenerator(seed: seed)
        let (width, height) = (sceneWidth, sceneHeight)
        var picture = [Float](
            repeating: Float.random(in: 60...190, using: &random), count: width * height)
        for _ in 0..<350 {
            // Areas as in pictures: many small discs, few large ones.
            let radius = 5 / max(0.05, Float.random(in: 0..<1, using: &random).squareRoot())
            let (x, y) = (
                Float.random(in: 0..<Float(width), using: &random),
                Float.random(in: 0..<Float(height), using: &random)
            )
            let level = Float.random(in: 25...230, using: &random)
            let (slope, turn, wave) = (
                Float.random(in: -0.4...0.4, using: &random),
                Float.random(in: -0.4...0.4, using: &random),
                Float.random(in: 0.05...0.6, using: &random)
            )
            let rows = max(0, Int(y - radius))..<max(0, min(height, Int(y + radius) + 1))
            let columns = max(0, Int(x - radius))..<max(0, min(width, Int(x + radius) + 1))
            for j in rows {
                for i in columns {
                    let (dx, dy) = (Float(i) - x, Float(j) - y)
                    guard dx * dx + dy * dy <= radius * radius else { continue }
                    let texture = 10 * sin(wave * (dx + 2 * turn * dy))
                    picture[j * width + i] = level + slope * dx + turn * dy + texture
                }
            }
        }
        return picture.map { UInt8(max(16, min(235, $0))) }
    }

    /// Frames, rows without gaps, one after the other.
    var frames: Data {
        var random = SeededGenerator(seed: seed)
        var data = Data(capacity: scenes.count * Self.sceneFrames * Self.width * Self.height)
        for (number, scene) in scenes.enumerated() {
            for frame in 0..<Self.sceneFrames {
                let share = Double(frame) / Double(Self.sceneFrames)
                let along = Int(share * Double(Self.reach))
                let across = number % 2 == 0 ? Self.reach / 2 : Self.reach - along
                let middle = (
                    x: Int((0.2 + 0.6 * share) * Double(Self.width)),
                    y: Int((0.7 - 0.4 * share) * Double(Self.height))
                )
                for y in 0..<Self.height {
                    var grain = random.next()
                    for x in 0..<Self.width {
                        let (dx, dy) = (x - middle.x, y - middle.y)
                        let isObject = dx * dx + dy * dy < 900
                        let value =
                            isObject
                            ? UInt8(200 - 3 * (abs(dx) + number * 5 % 30))
                            : scene[(y + across) * Self.sceneWidth + x + along]
                        grain = grain << 1 | grain >> 63
                        data.append(value &+ UInt8(grain & 3))
                    }
                }
            }
        }
        return data
    }
}

extension Clips {
    /// A film with a keyframe every second, the same in every run.
    static func generated(_ name: String, seed: UInt64, seconds: Int = 12) throws -> String {
        let raw = try folderOfClips() + "/\(name).gray"
        return try make(
            "\(name).mp4",
            "-f rawvideo -pix_fmt gray -s \(GeneratedFilm.width)x\(GeneratedFilm.height) "
                + "-r \(GeneratedFilm.framesPerSecond) -i \(raw) \(x264) -g 10 -crf 18"
        ) {
            try GeneratedFilm(seed: seed, seconds: seconds).frames.write(to: URL(filePath: raw))
        }
    }
}
