// `vigil audit` as its users meet it, on the log that a scan and a service leave.

import Foundation
import Testing

@Suite struct AuditCommandTests {
    private let place: Workplace
    private let alert: String

    init() throws {
        place = try Workplace()
        let film = try Clips.film()
        let known = try place.known("film", media: film)
        let found = try place.scan([film], known: known)
        alert = try #require(found.objects(ofType: "alert").first?["alert_id"] as? String)
    }

    @Test func aScanLeavesALogThatIsProven() throws {
        let list = try place.vigil("audit", "list", "--format", "jsonl")
        #expect(list.status == 0, "\(list.error)")
        #expect(list.objects.map { $0["kind"] as? String } == ["alert.opened", "alert.closed"])
        #expect(list.objects.allSatisfy { $0["subject"] as? String == alert })
        let verify = try place.vigil("audit", "verify")
        #expect(verify.status == 0 && verify.output.hasPrefix("good: "), "\(verify.output)")
        #expect(try place.vigil("report", "show", alert).status == 0)
        let looks = try place.vigil("audit", "list", "--kind", "looked_at")
        #expect(looks.output.contains("user:") && looks.output.contains(#""what":"alert""#))
        let stops = try place.vigil("audit", "list", "--kind", "stop")
        #expect(stops.status == 0 && stops.output.isEmpty)
        #expect(try place.vigil("audit", "list", "--kind", "nonsense").status == 64)
        #expect(try place.vigil("audit", "verify", "--state", place.path).status == 2)
    }

    @Test func anExportedLogIsProvenAndItsDamageNamed() throws {
        let file = place.file("audit.jsonl")
        #expect(try place.vigil("audit", "export", "--output", file).status == 0)
        #expect(try place.vigil("audit", "export", "--output", file).status == 2, "it stays")
        let good = try place.vigil("audit", "verify", file, "--format", "jsonl")
        #expect(good.status == 0 && good.objects.first?["good"] as? Bool == true)
        #expect(good.objects.first?["heads"] as? Int == 1, "an export is signed")
        let stdout = try place.vigil("audit", "export")
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(stdout.output.hasPrefix(text.split(separator: "\n")[0]))
        let changed = text.replacing("alert.closed", with: "alert.opened")
        let bad = try place.write("bad.jsonl", Data(changed.utf8))
        let verify = try place.vigil("audit", "verify", bad)
        #expect(verify.status == 1 && verify.output.contains("record 2: it was changed"))
        let cut = try place.write("cut.jsonl", Data(text.utf8.dropLast(10)))
        #expect(try place.vigil("audit", "verify", cut).status == 1)
        #expect(try place.vigil("audit", "verify", place.file("none")).status == 2)
        let key = "whpk_\(Data(repeating: 7, count: 32).base64EncodedString())"
        #expect(try place.vigil("audit", "verify", "--public-key", key).status == 1)
        #expect(try place.vigil("audit", "verify", "--public-key", "whpk_x").status == 64)
    }

    @Test func anEvidencePackageIsProvenAndOnRecord() throws {
        let file = place.file("case.jsonl")
        let made = try place.vigil("audit", "export", "--case", alert, "--output", file)
        #expect(made.status == 0, "\(made.error)")
        let good = try place.vigil("audit", "verify", file, "--format", "jsonl")
        #expect(good.status == 0 && good.objects.first?["alert_id"] as? String == alert)
        let key = try #require(good.objects.first?["key"] as? String)
        #expect(try place.vigil("audit", "verify", file, "--public-key", key).status == 0)
        let text = try String(contentsOfFile: file, encoding: .utf8)
        let bad = try place.write(
            "bad.jsonl", Data(text.replacing("film.mp4", with: "firm.mp4").utf8))
        let verify = try place.vigil("audit", "verify", bad)
        #expect(verify.status == 1 && verify.output.contains("part alert was changed"))
        let log = try place.vigil("audit", "list", "--kind", "case.exported", "--subject", alert)
        #expect(log.output.split(separator: "\n").count == 1)
        let none = "00000000-0000-7000-8000-000000000000"
        let missing = try place.vigil(
            "audit", "export", "--case", none, "--output", place.file("n"))
        #expect(missing.status == 2 && missing.error.contains("no alert has the id"))
    }

    @Test func anErasedSubjectLeavesAGoodLog() throws {
        let erased = try place.vigil("audit", "erase", "--subject", alert)
        #expect(erased.status == 0 && erased.output == "erased the subject of 2 records\n")
        #expect(try place.vigil("audit", "erase", "--subject", alert).status == 2)
        let list = try place.vigil("audit", "list")
        #expect(!list.output.contains(alert) && list.output.contains("subject.erased"))
        let verify = try place.vigil("audit", "verify")
        #expect(verify.status == 0 && verify.output.contains("2 with an erased subject"))
    }
}

extension ServiceAsUsed {
    @Suite struct ServeAuditTests {
        @Test func aServiceKeepsTheLog() throws {
            let place = try Workplace()
            let known = try place.known("film", media: try Clips.film())
            let service = try Service(place, known: known)
            #expect(service.log.contains(/audit head \d+ [0-9a-f]{16}\n/))
            for _ in 0..<3 { #expect(try service.get("/v1/alerts").status == 200) }
            #expect(try service.get("/v1/holds", as: "operator").status == 200)
            #expect(
                try wait(10) {
                    let list = try place.vigil(
                        "audit", "list", "--kind", "looked_at", "--state", service.state)
                    return list.output.contains("token:test-reader")
                        && list.output.contains("token:test-operator")
                })
            service.killNow()
            try service.start()
            try service.end()
            let list = try place.vigil(
                "audit", "list", "--format", "jsonl", "--state", service.state)
            let kinds = list.objects.compactMap { $0["kind"] as? String }
            #expect(
                kinds.prefix(3) == ["service.started", "configuration.changed", "known.changed"])
            #expect(kinds.filter { $0 == "service.started" }.count == 2)
            #expect(kinds.filter { $0 == "service.ended" }.count == 1)
            #expect(kinds.filter { $0 == "known.changed" }.count == 1, "it was the same set")
            let verify = try place.vigil(
                "audit", "verify", "--state", service.state, "--format", "jsonl")
            #expect(verify.status == 0, "\(verify.output)")
            #expect(verify.objects.first?["heads"] as? Int == 3)
            let heads = service.log.matches(of: /audit head (\d+) ([0-9a-f]{16})\n/)
            #expect(heads.count == 3)
            for head in heads {
                let anchored = try place.vigil(
                    "audit", "verify", "--state", service.state, "--anchor",
                    "\(head.output.1):\(head.output.2)")
                #expect(anchored.status == 0, "\(anchored.output)")
            }
            let other = try place.vigil(
                "audit", "verify", "--state", service.state, "--anchor", "1:0123456789abcdef")
            #expect(other.status == 1 && other.output.contains("kept elsewhere"))
            let key = try FileManager.default.attributesOfItem(
                atPath: service.state + "/audit.key")
            #expect((key[.posixPermissions] as? NSNumber)?.intValue == 0o600)
        }
    }
}
