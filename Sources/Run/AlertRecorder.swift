// Puts alerts on the report queue as they open and completes them as they close; belongs to one
// thread, the only one of a run that writes.

internal import Match
internal import Report

/// Records the alerts of a run.
struct AlertRecorder {
    private let store: any ReportStore
    /// Alerts that the store refused when they opened; it is asked again when they close.
    private var refused: [AlertID: String] = [:]

    /// Most refused alerts that are kept: a store that refuses for long refuses what comes next as
    /// well.
    private static let mostRefused = 10_000

    init(_ store: any ReportStore) { self.store = store }

    /// Queues a report of a new alert.
    /// - Returns: why the store refused; `nil` where it did not.
    @discardableResult
    mutating func open(_ alert: Alert) -> String? {
        let problem = record { _ = try store.open([alert], at: unixMilliseconds()) }
        if refused.count < Self.mostRefused || problem == nil { refused[alert.id] = problem }
        return problem.map { "alert \(alert.id) could not be recorded: \($0)" }
    }

    /// Completes an alert.
    /// - Returns: why it is not recorded, or why it is but not how it ended; `nil` where it is.
    mutating func close(_ alert: Alert) -> (problem: String?, late: String?) {
        if refused.removeValue(forKey: alert.id) != nil {
            let problem = record { _ = try store.open([alert], at: unixMilliseconds()) }
            if let problem {
                return ("alert \(alert.id) could not be recorded: \(problem)", nil)
            }
        }
        // The queue row is there; what may be lost here are the alert's final facts.
        let late = record { try store.update(alert, closed: true, at: unixMilliseconds()) }
        return (nil, late.map { "alert \(alert.id) is recorded, but not how it ended: \($0)" })
    }

    /// - Returns: why the store refused; `nil` where it did not.
    private func record(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return (error as? ReportError)?.message ?? "\(error)"
        }
    }
}
