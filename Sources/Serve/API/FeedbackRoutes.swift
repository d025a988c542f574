// `/v1/alerts/ID/feedback`: what those who received an alert made of it.

internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Match
internal import Report
internal import Synchronization

/// The route of feedback.
struct FeedbackRoutes: Sendable {
    let store: any LiveStore
    let disk: StoreQueue
    let figures: FeedbackFigures
    let logger: Logger

    func add(to group: RouterGroup<APIContext>) {
        group.post("alerts/:id/feedback") { request, context in
            guard let id = AlertID(context.parameters.get("id") ?? "") else { throw notFound }
            let body = try await request.body.collect(upTo: context.maxUploadSize)
            let said = try FeedbackBody(Data(body.readableBytesView))
            let caller = context.caller?.name ?? ""
            let feedback = said.feedback(from: caller, at: unixMilliseconds())
            let added = try await disk.run { () -> (feedback: Feedback, isNew: Bool)? in
                do throws(ReportError) { return try store.add(feedback, to: id) } catch {
                    guard error.code == .notFound else { throw error }
                    return nil
                }
            }
            guard let added else { throw notFound }
            if added.isNew {
                figures.note(feedback.verdict)
                logger.notice("alert \(id): \(feedback.verdict.rawValue), says \(caller)")
            }
            return Response.json(
                FeedbackView(added.feedback), status: added.isNew ? .created : .ok)
        }
    }

    private var notFound: APIError { APIError(.notFound, "not_found", "no alert has this id") }
}

/// What a caller says of an alert.
struct FeedbackBody {
    private let verdict: Verdict
    private let reason: String
    private let by: String
    private let reference: String

    init(_ data: Data) throws(APIError) {
        let members = try JSONMembers(data, known: ["verdict", "reason", "by", "reference"])
        guard let word = try members.text("verdict"), let verdict = Verdict(rawValue: word) else {
            let words = Verdict.allCases.map(\.rawValue).joined(separator: ", ")
            throw APIError(.badRequest, "bad_body", "verdict is needed, one of: \(words)")
        }
        self.verdict = verdict
        by = try members.line("by", 1...200)
        reason = try members.line("reason", (verdict == .rejected ? 1 : 0)...1000)
        reference = try members.line("reference", 0...200)
    }

    func feedback(from caller: String, at unixMilliseconds: Int64) -> Feedback {
        Feedback(
            verdict, reason: reason, by: by, reference: reference, caller: caller,
            at: unixMilliseconds)
    }
}

extension JSONMembers {
    /// A text of some length; one that is missing is empty.
    func line(_ name: String, _ length: ClosedRange<Int>) throws(APIError) -> String {
        let text = try text(name) ?? ""
        guard length.contains(text.unicodeScalars.count) else {
            throw APIError(
                .badRequest, "bad_body",
                "\(name) must have \(length.lowerBound) to \(length.upperBound) characters")
        }
        return text
    }
}

/// Feedback on an alert.
struct FeedbackView: Encodable {
    var verdict: String
    var reason: String
    var by: String
    var reference: String
    var caller: String
    var unixMs: Int64

    init(_ feedback: Feedback) {
        verdict = feedback.verdict.rawValue
        reason = feedback.reason
        by = feedback.by
        reference = feedback.reference
        caller = feedback.caller
        unixMs = feedback.unixMilliseconds
    }
}

/// How much feedback came since the service began.
final class FeedbackFigures: Sendable {
    private let counts = Mutex<[Verdict: Int]>([:])

    func note(_ verdict: Verdict) { counts.withLock { $0[verdict, default: 0] += 1 } }

    /// By verdict; all of them are there.
    var byVerdict: [(verdict: Verdict, count: Int)] {
        let counts = counts.withLock { $0 }
        return Verdict.allCases.map { ($0, counts[$0] ?? 0) }
    }
}
