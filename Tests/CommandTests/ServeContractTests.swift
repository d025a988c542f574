// The API against its own description, TLS, the pipeline file that is shipped, and the metrics.

import Foundation
import TestSupport
import Testing

/// Finds or installs schemathesis, which makes requests from the API's description.
private enum Schemathesis {
    static let version = "4.32.5"

    /// How to run it; `nil`, with a message, where it cannot be had.
    static func program() throws -> String? {
        if try Program.run("schemathesis", ["--version"]).status == 0 { return "schemathesis" }
        return try PythonEnvironment.find("schemathesis", ["schemathesis==\(version)"])?
            .program("schemathesis")
    }
}

extension ServiceAsUsed {
    @Suite struct ServeContractTests {
        private let place: Workplace
        private let known: String

        init() throws {
            place = try Workplace()
            known = try place.known("film", media: try Clips.generated("rich-film", seed: 1))
        }

        @Test func theAPIIsAsItsDescriptionSays() throws {
            guard let program = try Schemathesis.program() else { return }
            // Whatever address it comes up with, nothing is connected to.
            let service = try Service(
                place, known: known,
                .init(
                    egress: "deny: [0.0.0.0/0, \"::/0\"]",
                    more: "servers: [{name: edge, kind: generic}, {name: rtmp, kind: nginx-rtmp}]"))
            let token = try #require(service.tokens["operator"])
            // Events never end. Which addresses may be watched no schema can say, nor what a media
            // server's hook has to look like, so a refusal of what fits the schema is none.
            let arguments = [
                "run", "http://127.0.0.1:\(service.port)/openapi.json",
                "--header", "Authorization: Bearer \(token)", "--exclude-path", "/v1/events",
                "--exclude-checks", "positive_data_acceptance",
                "--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--seed", "1",
                "--continue-on-failure", "--request-timeout", "10", "--no-color",
            ]
            let result = try Program.run("env", ["-C", place.path, program] + arguments)
            #expect(result.status == 0, "\(result.output.suffix(6000)) \(result.error)")
            #expect(service.isRunning)
            #expect(!service.log.contains(" error "), "\(service.log)")
        }

        @Test func theAPIIsOfferedOverTLS() throws {
            let (certificate, key) = (place.file("chain.pem"), place.file("key.pem"))
            let made = try Program.run(
                "openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-nodes",
                ]
                    + ["-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost"]
                    + ["-addext", "subjectAltName=DNS:localhost"])
            try #require(made.status == 0, "\(made.error)")
            let service = try Service(
                place, known: known,
                .init(serve: "  tls_certificate: \(certificate)\n  tls_key: \(key)"))
            let token = try #require(service.tokens["reader"])
            let asked = try Program.run(
                "curl",
                ["-sS", "--max-time", "20", "--cacert", certificate, "--resolve"]
                    + [
                        "localhost:\(service.port):127.0.0.1", "-H",
                        "Authorization: Bearer \(token)",
                    ]
                    + ["https://localhost:\(service.port)/v1/known"])
            #expect(asked.output.contains("\"name\":\"film\""), "\(asked.output) \(asked.error)")
            #expect(try service.get("/healthz").status != 200, "it answers without TLS")
            let old = try Program.run(
                "curl",
                ["-sS", "--max-time", "20", "--cacert", certificate, "--tls-max", "1.1"]
                    + ["--resolve", "localhost:\(service.port):127.0.0.1"]
                    + ["https://localhost:\(service.port)/healthz"])
            #expect(old.status != 0, "it speaks TLS 1.1")
        }

        @Test func theShippedPipelineFileIsGoodForScansToo() throws {
            let root = URL(filePath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent()
            let file = root.appending(path: "pipelines/live.yaml").path
            let scan = try place.scan([try Clips.other()], known: known, "--pipeline", file)
            #expect(scan.status == 0, "\(scan.error)")
            // As it stands it names files that are not there, which is told by name.
            let serve = try place.vigil("serve", "--pipeline", file)
            #expect(
                serve.status != 0 && serve.error.contains("/etc/vigil/tokens"), "\(serve.error)")
        }

        // MARK: - Metrics

        @Test func metricsAreInTheirFormat() throws {
            let service = try Service(place, known: known)
            #expect(try service.get("/v1/streams").status == 200)
            let answer = try service.get("/metrics")
            #expect(answer.headers["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
            var types: [String: String] = [:]
            var seen: Set<String> = []
            for line in answer.text.split(separator: "\n") {
                if let type = line.wholeMatch(of: /# TYPE ([a-z_]+) (counter|gauge|histogram)/) {
                    #expect(types.updateValue(String(type.2), forKey: String(type.1)) == nil)
                    continue
                }
                if line.wholeMatch(of: /# HELP [a-z_]+ [^\\]+\./) != nil { continue }
                let value = /([a-z_]+)(\{[a-z]+="[^"\\]*"\})? (-?[0-9.]+(e[-+]?[0-9]+)?)/
                let found = try #require(line.wholeMatch(of: value), "\(line)")
                #expect(seen.insert("\(found.1)\(found.2 ?? "")").inserted, "twice: \(line)")
                let name = found.1.replacing(/_(bucket|sum|count)$/, with: "")
                let type = try #require(
                    types[String(found.1)] ?? types[String(name)], "no type: \(line)")
                #expect((type == "counter") == found.1.hasSuffix("_total"), "\(line)")
            }
            #expect(types.count >= 15)
            #expect(answer.text.contains("vigil_http_requests_total{code=\"200\"} 1"))
        }
    }
}
