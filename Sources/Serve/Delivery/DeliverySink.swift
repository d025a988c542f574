// The seam between the queue and where reports go: a webhook, a file, standard output, a command.

package import Report

/// What became of an attempt.
package enum SendResult: Sendable {
    /// The receiver has it, and has it for good.
    case accepted
    /// It does not; `why` is for people, without secrets. `retryAfter` is what it asked for, seconds.
    case failed(_ why: String, retryAfter: Int64? = nil)
    /// It wants nothing any more.
    case gone(_ why: String)

    /// Whether another attempt may succeed.
    var isFailure: Bool { if case .failed = self { true } else { false } }
}

/// Where reports go.
package protocol DeliverySink: Sendable {
    /// Makes one attempt; ends within its own time limit.
    func send(_ delivery: DueDelivery) async -> SendResult

    /// Ends what it holds open; nothing is sent any more.
    func close() async
}

extension DeliverySink {
    package func close() async {}
}
