// Pipeline files: the shipped one equals the built-in defaults, and nothing wrong passes silently.

import Decode
import Fingerprint
import Foundation
import Match
import Run
import Testing

@Suite struct PipelineFileTests {
    private var repository: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    @Test func shippedDefaultsEqualTheBuiltInOnes() throws {
        let path = repository.appending(path: "pipelines/default.yaml").path
        #expect(try Pipeline(file: path) == Pipeline())
    }

    @Test func everyShippedPipelineLoads() throws {
        let folder = repository.appending(path: "pipelines").path
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(!files.isEmpty)
        for file in files { _ = try Pipeline(file: "\(folder)/\(file)") }
    }

    @Test func valuesAreRead() throws {
        let pipeline = try Pipeline(
            yaml: """
                sampling: {mode: 0.5, min_interval_s: 0.1, max_gap_s: 4}
                decode: {threads: 3, max_video_px: 4608x8192, max_still_px: 20000x10000, max_memory_mb: 32}
                fingerprint: {effort: fast}
                match: {radius_bits: 20, min_quality: 60}
                evidence: {image_frames: 2, video_frames: 3, known_share: 0.25, input_share: 1, hold_s: 10}
                run: {jobs: 4, queue_frames: 8}
                live: {rendition_min_lines: 360, max_video_px: 1920x1080, max_memory_mb: 16}
                """, name: "test")
        #expect(pipeline.sampling.mode == .every(seconds: 0.5))
        #expect(pipeline.sampling.minimumInterval == 0.1 && pipeline.sampling.maximumGap == 4)
        #expect(pipeline.decoderThreads == 3 && pipeline.effort == .fast)
        #expect(pipeline.match == MatchPolicy(radius: 20, minimumQuality: 60))
        #expect(pipeline.evidence.imageFrames == 2 && pipeline.evidence.videoFrames == 3)
        #expect(pipeline.evidence.knownShare == 0.25 && pipeline.evidence.inputShare == 1)
        #expect(pipeline.evidence.holdSeconds == 10)
        #expect(pipeline.jobs == 4 && pipeline.queueFrames == 8)
        #expect(pipeline.videoLimits.mostPixels == PictureSize(4608, 8192))
        #expect(pipeline.stillLimits.mostPixels == PictureSize(20000, 10000))
        #expect(pipeline.videoLimits.mostBytes == 32 << 20)
        #expect(pipeline.stillLimits.mostBytes == 32 << 20)
        #expect(pipeline.liveLimits.mostPixels == PictureSize(1920, 1080))
        #expect(pipeline.liveLimits.mostBytes == 16 << 20)
        #expect(pipeline.rendition == .smallest(atLeastLines: 360))
        #expect(try Pipeline(yaml: "live: {rendition: first}", name: "test").rendition == .first)
    }

    @Test func emptyFilesMeanDefaults() throws {
        for text in ["", "# nothing\n", "sampling:\n"] {
            #expect(try Pipeline(yaml: text, name: "test") == Pipeline())
        }
    }

    @Test(arguments: [
        ("smapling: {}", "did you mean sampling?"),
        (
            "sampling:\n  max_gap: 3",
            "test:2: unknown key sampling.max_gap; did you mean sampling.max_gap_s?"
        ),
        ("match: {radius_bits: 65}", "from 0 to 64"),
        ("match: {radius_bits: ten}", "whole number"),
        ("sampling: {mode: often}", "keyframes, all, or seconds"),
        ("sampling: {mode: 0}", "keyframes, all, or seconds"),
        ("sampling: {min_interval_s: 20}", "must not be larger than max_gap_s"),
        ("sampling: {max_gap_s: .nan}", "must be a number"),
        ("fingerprint: {effort: heroic}", "fast or standard"),
        ("run: {jobs: 0}", "from 1 to 256"),
        ("decode: {max_video_px: 8K}", "decode.max_video_px must be a size from 64x64"),
        ("decode: {max_video_px: 20000x20000}", "to 16384x16384"),
        ("decode: {max_memory_mb: 15}", "from 16 to 65536"),
        ("live: {max_video: 1x1}", "did you mean live.max_video_px?"),
        ("live: {rendition: best}", "smallest or first or largest"),
        ("live: {rendition_min_lines: 0}", "from 1 to 8640"),
        ("run: [1, 2]", "must be a mapping"),
        ("- 1", "must be a mapping"),
        ("run: {jobs: 1, jobs: 2}", ""),
        ("sampling: {mode: [all]}", "single value"),
        ("a: b: c", "not valid YAML"),
    ])
    func wrongFilesAreRefusedWithAReason(_ yaml: String, _ reason: String) {
        let error = #expect(throws: RunError.self) { try Pipeline(yaml: yaml, name: "test") }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains("test:") == true)
        #expect(
            reason.isEmpty || error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }

    @Test func missingFileIsNamed() {
        let error = #expect(throws: RunError.self) { try Pipeline(file: "/no/such.yaml") }
        #expect(error?.message.contains("/no/such.yaml") == true)
    }

    @Test func decoderThreadsAreSharedOut() {
        var pipeline = Pipeline()
        #expect(pipeline.resolvedDecoderThreads(inputs: 1) == 1)
        pipeline.sampling.mode = .all
        pipeline.jobs = 1
        let cores = ProcessInfo.processInfo.activeProcessorCount
        #expect(pipeline.resolvedDecoderThreads(inputs: 1) == cores)
        #expect(pipeline.resolvedDecoderThreads(inputs: 100) == cores)
        pipeline.decoderThreads = 7
        #expect(pipeline.resolvedDecoderThreads(inputs: 100) == 7)
    }
}
