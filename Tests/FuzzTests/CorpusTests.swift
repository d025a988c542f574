// Replays the committed corpus: inputs that a fuzzer found worth keeping, and those that once did harm.
//
// A crash ends the test run and names no input, so each file's name is printed first where
// VIGIL_FUZZ_VERBOSE is set.

import Foundation
import FuzzTargets
import Testing

@Suite struct CorpusTests {
    private static var corpus: URL {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus")
    }

    @Test(arguments: FuzzTarget.all.map(\.name))
    func noInputOfTheCorpusDoesHarm(_ name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        let files = try FileManager.default.contentsOfDirectory(
            at: Self.corpus.appending(path: name), includingPropertiesForKeys: nil)
        #expect(!files.isEmpty, "the target has no corpus")
        let isVerbose = ProcessInfo.processInfo.environment["VIGIL_FUZZ_VERBOSE"] != nil
        for file in files.sorted(by: { $0.path < $1.path }) {
            if isVerbose { print("replaying \(name)/\(file.lastPathComponent)") }
            target.run(Array(try Data(contentsOf: file)))
        }
    }

    @Test func everyFolderOfTheCorpusHasATarget() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.corpus.path)
        #expect(Set(folders).subtracting([".DS_Store"]) == Set(FuzzTarget.all.map(\.name)))
    }
}
