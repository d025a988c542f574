// Playlists, manifests, addresses, and files whose time stamps go through the track clock.

import Decode
import Fingerprint
import Foundation
import Run

/// An address of 3,900 bytes: what a playlist names is resolved against the address that it came from.
private let longAddress =
    "https://cdn.example/" + String(repeating: "b", count: 3900) + "/live.m3u8"
private let shortAddress = "https://cdn.example/a/live.m3u8"

@Sendable func fuzzPlaylist(_ bytes: [UInt8]) {
    let text = Array("#EXTM3U\n".utf8) + bytes
    for address in [shortAddress, longAddress] { rewrite(text, address) }
}

@Sendable func fuzzManifest(_ bytes: [UInt8]) {
    for address in [shortAddress, longAddress] { rewrite(bytes, address) }
    let text = String(decoding: bytes, as: UTF8.self)
    if let seconds = DASHTime.duration(text) { precondition(seconds.isFinite) }
    if let seconds = DASHTime.date(text) { precondition(seconds.isFinite) }
}

/// Rewrites a text twice, as a reload does.
private func rewrite(_ text: [UInt8], _ address: String) {
    let rewriter = RenditionRewriter(Pipeline().rendition)
    for now in [1_800_000_000.0, 1_800_000_006.0] {
        let load = ListLoad(Interrupt())
        guard let written = try? rewriter.rewritten(text, url: address, now: now, load: load)
        else { continue }
        precondition(written.count <= ListLimits.textBytes, "a list grows without bound")
    }
}

@Sendable func fuzzAddresses(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    _ = AddressRange.parsed(text)
    guard let input = try? LiveInput(text) else { return }
    precondition(!input.redacted.isEmpty)
    _ = input.redacted(isKeyed: true)
    _ = input.refusal(by: .service)
}

extension AddressRange {
    fileprivate static func parsed(_ text: String) -> [AddressRange] {
        (try? AddressRange.list(text)) ?? []
    }
}

/// A file for one process to hand its bytes to the demuxer in.
private let scratch: String = {
    var folder = FileManager.default.temporaryDirectory.path
    if FileManager.default.isWritableFile(atPath: "/dev/shm") { folder = "/dev/shm" }
    return folder + "/vigil-fuzz-\(ProcessInfo.processInfo.processIdentifier)"
}()

/// Examines the bytes as a file: FLV, IVF, Matroska and the like tell stamps of any size.
@Sendable func fuzzStamps(_ bytes: [UInt8]) {
    guard FileManager.default.createFile(atPath: scratch, contents: Data(bytes)) else { return }
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    var pipeline = Pipeline()
    pipeline.jobs = 1
    var fingerprints = MediaFingerprints(pipeline: pipeline, form: .luma, stopSwitch: StopSwitch())
    guard case .input(let input)? = InputWalker([scratch]).next() else { return }
    let result = fingerprints.examine(input) { _, forms in
        for form in forms { precondition(form.mediaTime.isFinite) }
    }
    guard let result else { return }
    precondition(result.duration.isFinite)
    precondition(result.status != .examined || result.framesSampled > 0)
}
