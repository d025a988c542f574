// What the service tells a Prometheus server: its text format, version 0.0.4, and its conventions
// for names (base units, `_total` for what only grows).
//
// No name or label is of a stream or an item: a thousand streams would make a thousand series of
// each, and what is published where is nobody's business who reads metrics.

internal import Foundation
internal import Report
internal import Run

/// Builds the text.
struct MetricsText {
    private(set) var text = ""

    mutating func counter(_ name: String, _ help: String, _ values: [(labels: String, Double)]) {
        add(name, "counter", help, values)
    }

    mutating func gauge(_ name: String, _ help: String, _ values: [(labels: String, Double)]) {
        add(name, "gauge", help, values)
    }

    private mutating func add(
        _ name: String, _ type: String, _ help: String, _ values: [(labels: String, Double)]
    ) {
        head(name, type, help)
        for (labels, value) in values { line(name, labels, value) }
    }

    mutating func histogram(_ name: String, _ help: String, _ figures: LatencyFigures) {
        head(name, "histogram", help)
        var sum = 0
        for (limit, count) in zip(LatencyFigures.limits, figures.classes) {
            sum += count
            line("\(name)_bucket", "le=\"\(limit)\"", Double(sum))
        }
        line("\(name)_bucket", "le=\"+Inf\"", Double(figures.count))
        line("\(name)_sum", "", figures.sum)
        line("\(name)_count", "", Double(figures.count))
    }

    private mutating func head(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private mutating func line(_ name: String, _ labels: String, _ value: Double) {
        let number =
            value == value.rounded() && abs(value) < 1e15 ? "\(Int64(bounded: value))" : "\(value)"
        text += labels.isEmpty ? "\(name) \(number)\n" : "\(name){\(labels)} \(number)\n"
    }
}

/// What the metrics are made of.
struct ServiceFigures {
    var totals: WatchTotals
    var live: LiveFigures
    var statuses: [WatchStatus]
    var unwatched: Int
    var heldBack: Int
    var stuckReaders: Int
    var probings: Int
    var reports: [ReportState: Int]
    var feedback: [(verdict: Verdict, count: Int)]
    var requests: [Int: Int]
    var refusals: Int
    var door = Door.Figures()
    var listeners: Int
    var eventsLost: Int
    var canary: CanaryState
    var deliveries: [DeliveryDesk.Figures]
    var memory: MemoryFigures?

    /// The text for a Prometheus server.
    var text: String {
        var metrics = MetricsText()
        addStreams(&metrics)
        addTimes(&metrics)
        addService(&metrics)
        addDeliveries(&metrics)
        return metrics.text
    }

    private func addStreams(_ metrics: inout MetricsText) {
        var states = ["connecting": 0, "connected": 0, "waiting": 0, "held_back": 0, "ended": 0]
        for status in statuses { states[StatusView(status).connection, default: 0] += 1 }
        metrics.gauge(
            "vigil_streams", "Streams that are watched, by what their reader does.",
            states.sorted { $0.key < $1.key }.map { ("state=\"\($0.key)\"", Double($0.value)) })
        metrics.gauge(
            "vigil_streams_unwatched", "Streams that are published and not watched.",
            [("", Double(unwatched))])
        metrics.gauge(
            "vigil_streams_held_back",
            "Streams that are not read for minutes or hours, since they felled the service.",
            [("", Double(heldBack))])
        metrics.gauge(
            "vigil_readers_stuck", "Readers that did not end when they were told to, and go on.",
            [("", Double(stuckReaders))])
        let counts = [
            ("vigil_connections_total", "Connections to streams that stood.", totals.connections),
            ("vigil_keyframes_total", "Keyframes that came.", totals.keyframes),
            ("vigil_samples_total", "Pictures that were looked at.", totals.samples),
            (
                "vigil_keyframes_dropped_total",
                "Keyframes that were dropped because there was no time to look at them.",
                totals.dropped
            ),
            (
                "vigil_keyframes_undecodable_total", "Keyframes that could not be decoded.",
                totals.failed
            ),
            ("vigil_alerts_total", "Alerts raised.", totals.alerts),
            (
                "vigil_probing_suspected_total",
                "Suspicions that somebody tries out which versions of a picture are recognised.",
                probings
            ),
        ]
        for (name, help, count) in counts { metrics.counter(name, help, [("", Double(count))]) }
        metrics.counter(
            "vigil_stream_seconds_total",
            "Time of all watches, by whether it was examined, and why not.",
            [("result=\"examined\"", totals.coverage.examinedSeconds)]
                + MissedCause.allCases.map {
                    ("result=\"\($0.rawValue)\"", totals.coverage.missedSeconds[$0] ?? 0)
                })
    }

    private func addTimes(_ metrics: inout MetricsText) {
        metrics.histogram(
            "vigil_fingerprint_delay_seconds",
            "From a keyframe's arrival until its fingerprints were there.", live.fingerprinted)
        metrics.histogram(
            "vigil_alert_delay_seconds",
            "From the arrival of the keyframe until the alert was recorded.", live.recorded)
        metrics.counter(
            "vigil_stage_cpu_seconds_total", "Processor time of each stage.",
            live.stageSeconds.sorted { $0.key < $1.key }.map { ("stage=\"\($0.key)\"", $0.value) })
    }

    private func addDeliveries(_ metrics: inout MetricsText) {
        func labels(_ figures: DeliveryDesk.Figures, _ more: String = "") -> String {
            let name = figures.name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            return "endpoint=\"\(name)\"\(more)"
        }
        metrics.counter(
            "vigil_delivery_attempts_total",
            "Attempts to deliver a report, by what became of them.",
            deliveries.flatMap {
                [
                    (labels($0, ",result=\"accepted\""), Double($0.accepted)),
                    (labels($0, ",result=\"failed\""), Double($0.failed)),
                ]
            })
        metrics.gauge(
            "vigil_delivery_under_way", "Attempts that are under way.",
            deliveries.map { (labels($0), Double($0.underWay)) })
        metrics.gauge(
            "vigil_delivery_paused",
            "Whether nothing is sent for now, because the endpoint fails or was disabled.",
            deliveries.map { (labels($0), $0.isOpen || $0.isDisabled ? 1 : 0) })
    }

    private func addService(_ metrics: inout MetricsText) {
        metrics.gauge(
            "vigil_reports", "Reports on the queue, by state.",
            ReportState.allCases.map { ("state=\"\($0.rawValue)\"", Double(reports[$0] ?? 0)) })
        metrics.counter(
            "vigil_feedback_total", "Feedback on alerts, by what it says.",
            feedback.map { ("verdict=\"\($0.verdict.rawValue)\"", Double($0.count)) })
        metrics.counter(
            "vigil_http_requests_total", "Requests, by the status of the answer.",
            requests.sorted { $0.key < $1.key }.map { ("code=\"\($0.key)\"", Double($0.value)) })
        metrics.counter(
            "vigil_http_refusals_total", "Requests without a token that allows them.",
            [("", Double(refusals))])
        metrics.gauge(
            "vigil_http_connections", "Connections to the API.",
            [("", Double(door.connections))])
        metrics.counter(
            "vigil_http_connections_evicted_total",
            "Connections that lost their place to new ones, or took too long while places were short.",
            [("", Double(door.evicted))])
        metrics.counter(
            "vigil_http_connections_refused_total",
            "New connections for which all places were taken by requests that were being answered.",
            [("", Double(door.refused))])
        metrics.gauge(
            "vigil_event_listeners", "Listeners to events.", [("", Double(listeners))])
        metrics.counter(
            "vigil_events_lost_total", "Events that listeners were too slow for.",
            [("", Double(eventsLost))])
        metrics.counter(
            "vigil_canary_runs_total", "Canaries, by whether they came through.",
            [
                ("result=\"passed\"", Double(canary.passed)),
                ("result=\"failed\"", Double(canary.failed)),
            ])
        metrics.gauge(
            "vigil_canary_last_passed_timestamp_seconds",
            "When a canary came through last, Unix time; 0 where none did.",
            [("", Double(canary.lastPassedUnixMilliseconds ?? 0) / 1000)])
        metrics.gauge(
            "vigil_canary_delay_seconds",
            "From the begin of the last canary's stream until its alert was recorded.",
            [("", canary.lastDelay ?? 0)])
        guard let memory else { return }
        metrics.gauge(
            "vigil_memory_allocated_bytes", "Memory that is in use, of the allocator's.",
            [("", Double(memory.allocatedBytes))])
        metrics.gauge(
            "vigil_memory_resident_bytes",
            "The system's memory that the allocator holds, what was freed lately among it.",
            [("", Double(memory.residentBytes))])
    }
}
