// Warns of what is about to enter a known set and has so little structure that it would match
// other pictures of its kind: bars, title cards, logos. Bounded, and without any hash.

import Foundation
import Known
import Match
import Run

enum StructureWarning {
    /// Most lines, and most ids in a line.
    private static let shown = 20

    /// Says what media was left out, and what was kept all the same.
    static func show(_ media: [LowStructureMedia]) {
        let images = media.filter(\.isImage)
        let videos = media.filter { !$0.isImage }
        for video in videos.prefix(shown) {
            let times = video.times.map(timeText).joined(separator: ", ")
            let more = video.frames - video.times.count
            Console.error(
                "vigil: \(video.name): \(count(video.frames, "frame")) left out, with so little "
                    + "structure that unrelated pictures would match: at \(times)"
                    + (more > 0 ? " and \(more) more" : ""))
        }
        if videos.count > shown {
            Console.error(
                "vigil: and \(videos.count - shown) more videos with such frames left out")
        }
        for image in images.prefix(shown) {
            Console.error(
                "vigil: \(image.name): has so little structure that unrelated pictures may match it; "
                    + "it was kept (`vigil known remove` takes it out)")
        }
        if images.count > shown {
            Console.error("vigil: and \(images.count - shown) more such pictures were kept")
        }
    }

    /// Says which hashes of a list are of this kind; they are kept.
    static func show(_ list: KnownSet, from path: String) {
        let (items, hashes) = KnownLint.lowStructure(
            of: list, minimumQuality: MatchPolicy().minimumQuality)
        guard !items.isEmpty else { return }
        let ids = items.prefix(shown).map { list.items.id(at: $0) }.joined(separator: ", ")
        let more = items.count > shown ? " and \(items.count - shown) more" : ""
        Console.error(
            "vigil: \(path): \(count(hashes, "hash", "hashes")) of \(count(items.count, "item")) "
                + "with so little structure that unrelated pictures may match; kept: \(ids)\(more)")
    }
}
