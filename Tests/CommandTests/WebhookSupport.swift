// Signs and sends webhooks as an endpoint's consumer gets them, for tests of consumers.

import Foundation
import Match
import Report
import Testing

/// A signed webhook.
struct SignedWebhook {
    var fields: [(name: String, value: String)]
    var body: [UInt8]

    /// Signs a body, by default of an event on an alert, for now.
    init(
        _ secrets: [WebhookSecret], id: AlertID = newEventID(), body: [UInt8]? = nil,
        age: Int64 = 0
    ) throws {
        self.body = body ?? Self.event(id)
        let now = Int64(Date().timeIntervalSince1970)
        fields = try WebhookSigner(secrets).headers(
            id: id, unixSeconds: now - age, body: self.body
        ).fields
    }

    static func event(_ id: AlertID) -> [UInt8] {
        let known = KnownReference(set: "birds", item: "bird-1", category: "benign")
        let alert = Alert(
            id: id, input: "rtmp://127.0.0.1/\"ünë\"", known: known, firstSeen: 1, lastSeen: 2,
            framesMatched: 3, knownShare: 0.5, bestDistance: 12, variant: "original", rule: "r")
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        return EventPayload.alert(
            .alertOpened, alert, at: now, opened: now,
            policy: EventPolicy(name: "default", version: "1"),
            origin: EventOrigin(host: "edge", vigilVersion: "0")
        ).body(id: id)
    }

    var id: String { fields.first { $0.name == "webhook-id" }?.value ?? "" }

    /// The whole request, after which the connection ends.
    var request: Data {
        var head = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n"
        for field in fields { head += "\(field.name): \(field.value)\r\n" }
        return Data((head + "\r\n").utf8) + Data(body)
    }

    /// Sends it.
    /// - Returns: the answer's status; 0 where none came.
    func send(to port: Int) throws -> Int {
        HTTPAnswer(try RawConnection(port: port).exchange(request)).status
    }
}

/// An id of now.
func newEventID() -> AlertID {
    var random = SystemRandomNumberGenerator()
    return AlertID(
        unixMilliseconds: UInt64(Date().timeIntervalSince1970 * 1000), using: &random)
}

extension Workplace {
    /// Writes secrets, one a line, into a file that only this user may read.
    func secretFile(_ lines: [String], mode: Int = 0o600) throws -> String {
        let path = try write(
            "secrets-\(UUID().uuidString)", Data(lines.joined(separator: "\n").utf8))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }
}
