// No hash of a known set is in anything that a run writes: logs, database, deliveries, exports.

import Foundation
import Testing

extension ServiceAsUsed {
    @Suite struct HashLeakTests {
        @Test func noHashIsWrittenOutsideTheSealedSet() throws {
            let place = try Workplace()
            let film = try Clips.film()
            let known = try place.known("film", media: film)
            let printed = try place.vigil("fingerprint", film, "--sample", "all")
            let hashes = Set(HashSearch.hashes(in: printed.output))
            try #require(hashes.count > 20, "\(printed.error)")

            let state = place.file("serve-state")
            let scan = try place.vigil("scan", film, "--known", known, "--state", state)
            #expect(scan.status == 1, "\(scan.error)")
            let id = try alertID(place, state)
            let secret = place.file("secret")
            try #require(try place.vigil("report", "secret", secret).status == 0)
            let port = try Loopback.freePort()
            let receiver = try BackgroundProgram(
                try Program.vigil(),
                [
                    "receive", "--listen", "127.0.0.1:\(port)", "--secret-file", secret, "--log",
                    place.file("received.jsonl"), "--log-bodies",
                ], folder: place.path)
            defer { receiver.stop() }
            let service = try Service(
                place, known: known,
                .init(
                    more: """
                        delivery:
                          endpoints:
                            - {name: file, kind: file, path: \(place.file("reports.jsonl"))}
                            - name: hook
                              url: http://127.0.0.1:\(port)/
                              secret_files: [\(secret)]
                              allow: [127.0.0.1/32]
                        """))
            var told = ""
            for _ in 0..<300 {
                told = try place.vigil("report", "endpoints", "--state", state).output
                if told.contains("file: 2 delivered"), told.contains("hook: 2 delivered") { break }
                // The queue tells nobody when it is empty.
                usleep(100_000)
            }
            #expect(told == "file: 2 delivered\nhook: 2 delivered\n", "\(service.log)")
            for path in ["/v1/alerts", "/v1/alerts/\(id)", "/v1/known", "/metrics"] {
                told += try service.get(path).text
            }
            for arguments in [
                ["report", "export"], ["report", "list", "--format", "jsonl"],
                ["report", "show", id],
                ["audit", "list"], ["audit", "export"],
                ["audit", "export", "--case", id, "--output", place.file("case.jsonl")],
                ["report", "statistics", "--from", "2020-01-01", "--to", "2100-01-01"],
            ] {
                let result = try place.vigil(arguments + ["--state", state])
                #expect(result.status == 0, "\(arguments) \(result.error)")
                told += result.output + result.error
            }
            try service.end()
            ReferenceVerifier.check(
                place.file("received.jsonl"),
                held: [
                    try String(contentsOfFile: secret, encoding: .utf8)
                        .trimmingCharacters(in: .whitespacesAndNewlines)
                ], place)
            // Nor a distance in what was delivered, for nobody asked for any.
            let delivered =
                try String(contentsOfFile: place.file("reports.jsonl"), encoding: .utf8)
                + (try bodies(inLog: place.file("received.jsonl")))
            #expect(delivered.matches(of: /"best_distance":null/).count >= 4)
            #expect(!delivered.contains(/best_distance":[0-9]/))
            told += service.log + receiver.output + scan.output + scan.error

            var bytes = Array(told.utf8)
            for path in try files(of: place) where path != known {
                bytes += try Data(contentsOf: URL(filePath: path)) + [0]
            }
            #expect(bytes.count > 50_000, "it looks at what was written")
            let search = HashSearch(hashes)
            #expect(search.count(in: bytes) == 0)
            // The search itself finds both forms.
            let some = hashes.sorted().filter { !HashSearch([$0]).isEmpty }
            try #require(some.count > 10)
            #expect(search.count(in: bytes + Array(some[0].utf8)) > 0)
            #expect(search.count(in: bytes + HashSearch.binary(some[1])) > 0)
        }

        /// The bodies that a receiver logged.
        private func bodies(inLog path: String) throws -> String {
            try String(contentsOfFile: path, encoding: .utf8).matches(of: /"body":"([^"]*)"/)
                .compactMap { Data(base64Encoded: String($0.1)) }
                .map { String(decoding: $0, as: UTF8.self) }.joined()
        }

        private func alertID(_ place: Workplace, _ state: String) throws -> String {
            let list = try place.vigil("report", "list", "--state", state, "--format", "jsonl")
            let found = list.output.firstMatch(of: /"alert_id":"([0-9a-f-]{36})"/)
            return String(try #require(found).1)
        }

        private func files(of place: Workplace) throws -> [String] {
            let all = FileManager.default.enumerator(atPath: place.path)
            return (all?.compactMap { $0 as? String } ?? []).map { place.file($0) }.filter {
                var isFolder: ObjCBool = false
                return FileManager.default.fileExists(atPath: $0, isDirectory: &isFolder)
                    && !isFolder.boolValue
            }
        }
    }
}
