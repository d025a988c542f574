// What becomes of each webhook at `vigil receive`: verified, compared with those before, counted,
// logged, answered.
//
// Invariant: a request's line is in the log file before its answer is given, so whatever a sender
// was told was taken stands in the log, also after a kill.

internal import Crypto
internal import Decode
internal import Foundation
internal import Report
internal import Synchronization

/// Counts of what came, for the end.
public struct ReceiverSummary: Sendable, Hashable, Codable {
    /// Requests with a body that was read.
    public var requests = 0
    /// Answered with success for the first time.
    public var taken = 0
    /// By verdict.
    public var verdicts: [String: Int] = [:]
    /// Answers that were made to come late.
    public var hung = 0
}

/// What came in one request.
package struct ReceivedRequest: Sendable {
    package var id: String?
    package var timestamp: String?
    package var signature: String?
    /// What binary CloudEvents say of the kind.
    package var type: String?
    package var body: [UInt8]

    package init(id: String?, timestamp: String?, signature: String?, type: String?, body: [UInt8])
    {
        self.id = id
        self.timestamp = timestamp
        self.signature = signature
        self.type = type
        self.body = body
    }
}

/// Verifies, tells repeats, and logs.
package final class ReceiverDesk: Sendable {
    /// What is said of a webhook.
    package enum Verdict: String, Sendable, CaseIterable {
        case ok
        case badSignature = "bad_signature"
        case stale, `repeat`, conflict, malformed
    }

    /// What is answered, and how.
    package struct Answer: Sendable, Hashable {
        package var status: Int
        package var hangs = false
    }

    private struct State {
        var ids: ReceivedIDs
        var chance: NoiseGenerator
        var summary = ReceiverSummary()
        var hasLogFailed = false

        mutating func note(
            _ request: ReceivedRequest, _ digest: SHA256.Digest, _ verdict: Verdict,
            _ answer: Answer
        ) {
            summary.requests += 1
            summary.verdicts[verdict.rawValue, default: 0] += 1
            if answer.hangs { summary.hung += 1 }
            guard verdict == .ok, let id = request.id else { return }
            let isTaken = (200..<300).contains(answer.status)
            ids.note(id: id, body: digest, isTaken: isTaken)
            if isTaken { summary.taken += 1 }
        }
    }

    private let settings: ReceiverSettings
    private let verifier: WebhookVerifier
    private let log: ReceiverLog?
    private let state: Mutex<State>

    /// Opens the log, to whose end lines are added.
    /// - Throws: `configuration` where that fails, or there are no secrets.
    package init(_ settings: ReceiverSettings, mostIDs: Int = 1_000_000) throws(ServeError) {
        self.settings = settings
        do throws(ReportError) { verifier = try WebhookVerifier(settings.secrets) } catch {
            throw ServeError(.configuration, error.message)
        }
        log = try settings.log.map { path throws(ServeError) in try ReceiverLog(path) }
        state = Mutex(
            State(ids: ReceivedIDs(most: mostIDs), chance: NoiseGenerator(seed: settings.seed)))
    }

    /// Counts so far.
    package var summary: ReceiverSummary { state.withLock { $0.summary } }

    /// Whether every line has reached the log.
    package var isLogComplete: Bool { state.withLock { !$0.hasLogFailed } }

    /// Takes a request in; the line in the log is written when this returns.
    package func take(_ request: ReceivedRequest, unixMilliseconds: Int64) -> Answer {
        let refusal = refusal(of: request, unixMilliseconds / 1000)
        let digest = SHA256.hash(data: request.body)
        return state.withLock { state in
            var verdict = refusal ?? .ok
            if refusal == nil, let id = request.id {
                switch state.ids.standing(id: id, body: digest) {
                case .new: break
                case .repeated: verdict = .repeat
                case .conflict: verdict = .conflict
                }
            }
            var answer = answer(to: verdict, &state.chance)
            // What is not in the log must not be acknowledged; nor must what would come after a line
            // that was cut off.
            if let log,
                state.hasLogFailed
                    || !log.write(line(request, digest, verdict, answer, unixMilliseconds))
            {
                state.hasLogFailed = true
                answer = Answer(status: 500)
            }
            state.note(request, digest, verdict, answer)
            return answer
        }
    }

    private func refusal(of request: ReceivedRequest, _ unixSeconds: Int64) -> Verdict? {
        do throws(WebhookRefusal) {
            try verifier.verify(
                id: request.id, timestamp: request.timestamp, signature: request.signature,
                body: request.body, at: unixSeconds)
            return nil
        } catch {
            return switch error {
            case .badSignature, .noKeyFor: .badSignature
            case .tooOld, .tooNew: .stale
            case .missing, .malformed: .malformed
            }
        }
    }

    private func answer(to verdict: Verdict, _ chance: inout NoiseGenerator) -> Answer {
        switch verdict {
        case .ok, .repeat:
            if Double.random(in: 0..<1, using: &chance) < settings.failShare {
                return Answer(status: 500)
            }
            let hangs = Double.random(in: 0..<1, using: &chance) < settings.hangShare
            return Answer(status: settings.answer, hangs: hangs)
        case .badSignature: return Answer(status: 401)
        case .stale, .malformed: return Answer(status: 400)
        case .conflict: return Answer(status: 409)
        }
    }

    private func line(
        _ request: ReceivedRequest, _ digest: SHA256.Digest, _ verdict: Verdict, _ answer: Answer,
        _ unixMilliseconds: Int64
    ) -> [UInt8] {
        var line = #"{"received_at":""# + EventTime(unixMilliseconds).description
        line += #"","id":"# + Self.word(request.id)
        // Of a body that nobody signed not even this is read.
        let isSigned = [.ok, .repeat, .conflict].contains(verdict)
        let type = isSigned ? request.type ?? EventPayload.type(of: request.body) : nil
        line += #","type":"# + Self.word(type)
        line += #","body_sha256":""#
        for byte in digest { line += Self.hex[Int(byte)] }
        line += #"","bytes":\#(request.body.count),"verdict":"\#(verdict.rawValue)""#
        line += #","answered":\#(answer.status),"hung":\#(answer.hangs)"#
        if settings.logsBodies {
            line += #","timestamp":"# + Self.word(request.timestamp)
            line += #","signature":"# + (request.signature.map(JSONText.quoted) ?? "null")
            line += #","body":""# + Data(request.body).base64EncodedString() + "\""
        }
        line += "}\n"
        return Array(line.utf8)
    }

    private static let hex = (0...255).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }

    /// A text from outside, if it is a short word that needs no escapes; else null.
    private static func word(_ text: String?) -> String {
        guard let text, (1...256).contains(text.utf8.count),
            text.utf8.allSatisfy({ (33...126).contains($0) && $0 != 34 && $0 != 92 })
        else { return "null" }
        return "\"\(text)\""
    }
}

/// A file to whose end lines are added.
private final class ReceiverLog: Sendable {
    private let descriptor: CInt

    init(_ path: String) throws(ServeError) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ServeError(
                .configuration, "cannot write the log \(path): \(String(cString: strerror(errno)))")
        }
    }

    deinit { close(descriptor) }

    /// Hands a line to the kernel, whole.
    func write(_ line: [UInt8]) -> Bool {
        line.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let part = UnsafeRawBufferPointer(rebasing: rest)
                let count = Foundation.write(descriptor, part.baseAddress, part.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
    }
}
