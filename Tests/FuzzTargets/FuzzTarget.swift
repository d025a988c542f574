// The parsers that take a stranger's bytes, each as one function of bytes.
//
// `scripts/fuzz` drives them with libFuzzer under the address sanitizer; `FuzzTests` replays the
// committed corpus in every test run. A target returns for all bytes: it never traps, never runs for
// long, and checks what its parser promises with preconditions, which a fuzzer takes for a crash.

/// One parser, driven by bytes.
package struct FuzzTarget: Sendable {
    /// Its name on the command line and of its corpus folder.
    package let name: String
    /// Longest input that is worth trying, bytes.
    package let longest: Int
    /// Parses the bytes; every outcome but a crash is right.
    package let run: @Sendable ([UInt8]) -> Void

    /// All targets, in pipeline order.
    package static let all: [FuzzTarget] = [
        FuzzTarget(name: "playlist", longest: 8192, run: fuzzPlaylist),
        FuzzTarget(name: "manifest", longest: 8192, run: fuzzManifest),
        FuzzTarget(name: "addresses", longest: 1024, run: fuzzAddresses),
        FuzzTarget(name: "stamps", longest: 8192, run: fuzzStamps),
        FuzzTarget(name: "list", longest: 8192, run: fuzzList),
        FuzzTarget(name: "sealed", longest: 4096, run: fuzzSealedFile),
        FuzzTarget(name: "set", longest: 4096, run: fuzzSetCoding),
        FuzzTarget(name: "index", longest: 4096, run: fuzzIndex),
        FuzzTarget(name: "audit", longest: 16_384, run: fuzzAudit),
        FuzzTarget(name: "pipeline", longest: 4096, run: fuzzPipelineFile),
        FuzzTarget(name: "hook", longest: 4096, run: fuzzHook),
    ]

    /// The target of a name.
    package static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}
