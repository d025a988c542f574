// An endpoint of the configuration: what goes to it, in which form, and how.

internal import Decode
internal import Foundation
internal import Match
internal import Report
internal import Run

/// How grave a category is.
public enum Severity: Int, Sendable, Comparable {
    case low, medium, high, critical

    init?(word: String) {
        let words: [String: Severity] = [
            "low": .low, "medium": .medium, "high": .high, "critical": .critical,
        ]
        guard let severity = words[word] else { return nil }
        self = severity
    }

    static let words = "low, medium, high or critical"

    /// Orders from low to critical.
    public static func < (left: Severity, right: Severity) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// Which reports an endpoint gets; every part that is set must hold.
struct DeliveryFilter: Sendable {
    /// Events; `nil` is all.
    var events: Set<String>?
    /// Known sets; `nil` is all.
    ///
    /// Events that are about no set pass.
    var sets: Set<String>?
    /// Categories of known items; `nil` is all.
    ///
    /// Events that are about no item pass.
    var categories: Set<String>?
    /// Least severity of the category.
    ///
    /// Events that are about no item pass.
    var leastSeverity = Severity.low
    /// Labels that the stream must have.
    var labels: [String: String] = [:]

    func passes(_ facts: ReportFacts, severity: Severity) -> Bool {
        let isAboutItem = facts.event.hasPrefix("alert.")
        return events?.contains(facts.event) ?? true
            && (facts.set.isEmpty || sets?.contains(facts.set) ?? true)
            && (!isAboutItem || categories?.contains(facts.category) ?? true)
            && (!isAboutItem || severity >= leastSeverity)
            && labels.allSatisfy { facts.labels[$0.key] == $0.value }
    }
}

/// A configured endpoint.
struct DeliveryEndpoint: Sendable {
    /// Its name, unique among the endpoints.
    let name: String
    let filter: DeliveryFilter
    /// Most attempts at a time.
    let concurrency: Int
    /// Whether its receiver is told exact distances: one who is trusted as a reviewer is.
    var isDistanceTold = false
    let sink: any DeliverySink
}
