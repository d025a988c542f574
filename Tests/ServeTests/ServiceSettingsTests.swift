// The pipeline file of the service: what is shipped loads and equals the defaults, and what is
// misspelt is refused by name, with what was meant.

import Foundation
import Report
import Run
import Serve
import Testing

@Suite struct ServiceSettingsTests {
    private static let shipped = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "pipelines/live.yaml").path

    @Test func theShippedFileLoads() throws {
        let settings = try ServiceSettings(file: Self.shipped)
        let plain = ServiceSettings()
        #expect(settings.host == plain.host && settings.port == plain.port)
        #expect(settings.mostStreams == plain.mostStreams)
        #expect(settings.canarySeconds == plain.canarySeconds)
        #expect(settings.egress == plain.egress)
        #expect(settings.places == plain.places && settings.inner == nil)
        #expect(settings.mostListenersOfToken == plain.mostListenersOfToken)
        #expect(settings.tokens == "/etc/vigil/tokens" && settings.known.count == 1)
        #expect(settings.tls == nil && settings.servers.isEmpty)
        #expect(settings.retention == plain.retention)
        #expect(settings.stop.rules.isEmpty && settings.stop.denySeconds == plain.stop.denySeconds)
    }

    @Test func theNextSweepIsTheNextTimeOfDay() throws {
        let settings = try ServiceSettings(
            yaml: "retention: {alerts_days: 0, sweep_at_utc: \"23:59\"}", name: "x.yaml")
        #expect(settings.retention.policy.alertsDays == 0)
        #expect(settings.retention.policy.coverageDays == 400)
        let midnight: Int64 = 20_000 * 86_400_000
        let begin = Double(23 * 60 + 59) * 60
        #expect(settings.retention.secondsToNext(from: midnight) == begin)
        let just = midnight + Int64(begin * 1000)
        #expect(settings.retention.secondsToNext(from: just - 1) == 0.001)
        #expect(settings.retention.secondsToNext(from: just) == 86_400)
    }

    @Test func everyCommentedKeyOfTheShippedFileIsKnown() async throws {
        var text = try String(contentsOfFile: Self.shipped, encoding: .utf8)
        text = text.replacing("servers: []", with: "servers:").replacing(
            "rules: [] ", with: "rules: "
        ).replacing("endpoints: [] ", with: "endpoints: ")
        let commented = /(?m)^( *)#( *)(- \{|- [a-z]+:|[a-z_]+: |  [a-z_]+: )/
        text = text.replacing(commented) {
            "\($0.1)\($0.1.isEmpty ? $0.2 : $0.2.dropFirst())\($0.3)"
        }
        // The secrets are read at once, so they have to be there; `auth: none` takes none.
        let secret = NSTemporaryDirectory() + "vigil-secret-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: secret) }
        let made = FileManager.default.createFile(
            atPath: secret, contents: Data("shared".utf8), attributes: [.posixPermissions: 0o600])
        #expect(made)
        let signed = secret + "-signed"
        defer { try? FileManager.default.removeItem(atPath: signed) }
        #expect(
            FileManager.default.createFile(
                atPath: signed, contents: Data(WebhookSecret.makeShared().text.utf8),
                attributes: [.posixPermissions: 0o600]))
        text = text.replacing("/etc/vigil/hotline_secret", with: signed)
            .replacing("/etc/vigil/edge_hook", with: secret)
            .replacing("/etc/vigil/edge_control", with: secret)
            .replacing("auth: none", with: "auth: basic")
        #expect(text.contains("\n  tls_certificate: ") && text.contains("\n    kind: nginx-rtmp"))
        let settings = try ServiceSettings(yaml: text, name: "live.yaml")
        #expect(settings.tls?.key == "/etc/vigil/tls/key.pem")
        #expect(settings.servers.map(\.name) == ["edge"])
        #expect(settings.stop.rules.count == 1)
        #expect(settings.delivery.names == ["hotline", "log", "script"])
        #expect(settings.delivery.exactNames.isEmpty, "nobody is told distances by default")
        await settings.close()
    }

    @Test func distancesAreToldToEndpointsThatAreGivenThem() throws {
        let settings = try ServiceSettings(
            yaml: """
                delivery: {endpoints: [{name: a, kind: file, path: /tmp/a, exact_distances: true},
                  {name: b, kind: file, path: /tmp/b, exact_distances: false},
                  {name: c, kind: stdout}]}
                """, name: "x.yaml")
        #expect(settings.delivery.exactNames == ["a"])
        #expect(throws: RunError.self) {
            _ = try ServiceSettings(
                yaml: "delivery: {endpoints: [{name: c, kind: stdout, exact_distances: 1}]}",
                name: "x.yaml")
        }
    }

    @Test(arguments: [
        ("serve: {listn: \"127.0.0.1:1\"}", "listn", "listen"),
        ("serve: {canary: 5}", "canary", "canary_s"),
        ("serve: {max_connection: 99}", "max_connection", "max_connections"),
        ("egress: {alow: []}", "alow", "allow"),
        ("stop: {deny: 3}", "deny", "deny_s"),
        ("stop: {rules: [{sets: \"*\"}]}", "sets", "set"),
        ("servers: [{name: a, kind: srs, wach: \"rtmp://x/{name}\"}]", "wach", "watch"),
        ("retention: {alerts: 3}", "alerts", "alerts_days"),
        ("serv: {}", "serv", "serve"), ("live: {renditon: first}", "renditon", "rendition"),
    ])
    func aMisspeltKeyIsRefused(yaml: String, wrong: String, right: String) {
        let error = #expect(throws: RunError.self) {
            _ = try ServiceSettings(yaml: yaml, name: "x.yaml")
        }
        let message = error?.message ?? ""
        #expect(message.contains(wrong) && message.contains("x.yaml:1"), "\(message)")
        #expect(message.contains("did you mean") && message.contains("\(right)?"), "\(message)")
    }

    @Test(arguments: [
        "serve: {listen: \"127.0.0.1\"}", "serve: {listen: \"127.0.0.1:70000\"}",
        "serve: {max_connections: 3}", "serve: {uncapped_peers: [10.0.0.1/8]}",
        "serve: {listen_health: 8421}", "serve: {max_listeners_per_token: 65}",
        "serve: {max_streams: 0}", "serve: {canary_s: 1}", "serve: {tls_key: k.pem}",
        "egress: {allow: [10.0.0.0/33]}", "egress: {schemes: [file]}", "stop: {rules: [{}]}",
        "servers: [{name: a, kind: srs}, {name: a, kind: srs}]", "servers: [{kind: srs}]",
        "servers: [{name: a, kind: mediamtxx}]", "retention: {alerts_days: -1}",
        "retention: {sweep_at_utc: \"24:00\"}", "retention: {sweep_at_utc: 190}",
        "delivery: {endpoints: [{name: a, kind: stdout}, {name: b, kind: stdout}]}",
        """
        delivery: {endpoints: [{name: a, kind: file, path: /var/log/x},
          {name: b, kind: file, path: /var/../var/log/x}]}
        """,
    ])
    func aWrongValueIsRefused(yaml: String) {
        let error = #expect(throws: RunError.self) {
            _ = try ServiceSettings(yaml: yaml, name: "x.yaml")
        }
        let message = error?.message ?? ""
        #expect(message.contains("x.yaml:1") || message.contains("x.yaml:2"), "\(message)")
    }
}
