// The `delivery` section of a pipeline file: endpoints, what goes to them, and how often it is tried.

internal import Decode
internal import Foundation
internal import Report
internal import Run

/// Where reports go.
public struct DeliverySettings: Sendable {
    /// Endpoints; none unless configured.
    private(set) var endpoints: [DeliveryEndpoint] = []
    /// When an attempt that failed is repeated.
    private(set) var schedule = RetrySchedule.standard
    /// Who supplied known sets, and on what legal basis they are used, by set.
    private(set) var provenance: [String: KnownFacts] = [:]
    /// Severity by category.
    private var severities: [String: Severity] = [:]
    /// Share of a stream's time under which `stream.unexamined` is told, 0…1.
    private(set) var leastExamined = 0.9
    /// Over how long that is looked at, minutes.
    private(set) var examinedMinutes = 5

    /// Severity of a category that none is configured for.
    private static let usualSeverity = Severity.high
    private static let mostEndpoints = 64
    private static let kinds = "webhook, file, stdout or exec"

    /// Nothing is delivered.
    public init() {}

    /// Delivers everything to sinks of the caller's.
    /// - Parameter exact: names of those that are told exact distances.
    package init(
        _ sinks: [String: any DeliverySink], concurrency: Int, retrySeconds: [Int64],
        exact: Set<String> = []
    ) {
        schedule = RetrySchedule(delaysSeconds: retrySeconds)
        endpoints = sinks.sorted { $0.key < $1.key }.map {
            DeliveryEndpoint(
                name: $0.key, filter: DeliveryFilter(), concurrency: concurrency,
                isDistanceTold: exact.contains($0.key), sink: $0.value)
        }
    }

    /// The names of the endpoints whose receivers are told exact distances.
    package var exactNames: [String] { endpoints.filter(\.isDistanceTold).map(\.name) }

    /// The names of all endpoints.
    public var names: [String] { endpoints.map(\.name) }

    /// Chooses the endpoints of a report.
    var route: @Sendable (ReportFacts) -> [String] {
        { [endpoints, severities] facts in
            guard facts.set != Canary.setName else { return [] }
            let severity = severities[facts.category] ?? Self.usualSeverity
            return endpoints.filter { $0.filter.passes(facts, severity: severity) }.map(\.name)
        }
    }

    init(_ section: inout StrictMapping) throws(RunError) {
        for (category, word) in try section.pairs("severity") {
            guard let severity = Severity(word: word) else {
                throw section.error("severity", "of \(category) must be \(Severity.words)")
            }
            severities[category] = severity
        }
        for (set, source) in try section.pairs("sources") {
            provenance[set, default: KnownFacts()].source = source
        }
        for (set, basis) in try section.pairs("legal_basis") {
            provenance[set, default: KnownFacts()].legalBasis = basis
        }
        if let words = try section.texts("retry_s") {
            let delays = words.compactMap { Int64($0) }
            guard delays.count == words.count, (1...50).contains(delays.count),
                delays.allSatisfy({ (0...86_400).contains($0) })
            else { throw section.error("retry_s", "must be 1 to 50 times of 0 to 86400") }
            schedule = RetrySchedule(delaysSeconds: delays)
        }
        try section.number("unexamined_below", in: 0...1) { leastExamined = $0 }
        try section.integer("unexamined_minutes", in: 1...60) { examinedMinutes = $0 }
        let sections = try section.sections("endpoints")
        guard sections.count <= Self.mostEndpoints else {
            throw section.error("endpoints", "must be at most \(Self.mostEndpoints)")
        }
        var places: Set<String> = []
        for var section in sections {
            let endpoint = try Self.endpoint(&section)
            try section.finish()
            guard !endpoints.contains(where: { $0.name == endpoint.name }) else {
                throw section.error("name", "is \(endpoint.name), as that of another endpoint")
            }
            if let place = (endpoint.sink as? LineSink)?.place, !places.insert(place).inserted {
                throw section.error("name", "\(endpoint.name) and another write to \(place)")
            }
            endpoints.append(endpoint)
        }
    }

    // MARK: Endpoints

    private static func endpoint(
        _ section: inout StrictMapping
    ) throws(RunError) -> DeliveryEndpoint {
        guard let name = try section.text("name"), (1...100).contains(name.utf8.count) else {
            throw section.error("name", "is needed: a word of at most 100 bytes")
        }
        var concurrency = 16
        try section.integer("concurrency", in: 1...256) { concurrency = $0 }
        var isDistanceTold = false
        try section.flag("exact_distances") { isDistanceTold = $0 }
        var filter = try filter(&section)
        let rendering = try rendering(&section)
        if case .chat = rendering, filter.events == nil { filter.events = Self.chatEvents }
        let sink: any DeliverySink
        switch try section.text("kind") ?? "webhook" {
        case "webhook": sink = try webhook(&section, rendering, concurrency)
        case "file": sink = try file(&section, rendering)
        case "stdout": sink = LineSink(StreamLines(), rendering: rendering)
        case "exec":
            guard let command = try section.texts("command"), let program = command.first,
                program.hasPrefix("/")
            else { throw section.error("command", "is needed: [/path/of/program, argument, …]") }
            sink = CommandSink(command: command, rendering: rendering)
        default: throw section.error("kind", "must be \(kinds)")
        }
        return DeliveryEndpoint(
            name: name, filter: filter, concurrency: concurrency, isDistanceTold: isDistanceTold,
            sink: sink)
    }

    private static func filter(
        _ section: inout StrictMapping
    ) throws(RunError) -> DeliveryFilter {
        var filter = DeliveryFilter()
        let types = EventKind.allCases.map(\.rawValue)
        if let events = try section.texts("events") {
            for event in events where !types.contains(event) {
                throw section.error(
                    "events", "has \(event); there are \(types.joined(separator: ", "))")
            }
            filter.events = Set(events)
        }
        filter.sets = try section.texts("sets").map { Set($0) }
        filter.categories = try section.texts("categories").map { Set($0) }
        if let word = try section.text("min_severity") {
            guard let severity = Severity(word: word) else {
                throw section.error("min_severity", "must be \(Severity.words)")
            }
            filter.leastSeverity = severity
        }
        filter.labels = try section.pairs("labels")
        return filter
    }

    private static func rendering(
        _ section: inout StrictMapping
    ) throws(RunError) -> EventRendering {
        let word = try section.text("rendering") ?? "native"
        let template = try section.text("template")
        let source = try section.text("source") ?? "urn:vigil"
        let prefix = try section.text("type_prefix") ?? ""
        do throws(ReportError) {
            switch word {
            case "native": return .native
            case "cloudevents":
                return .cloudEventsStructured(
                    try CloudEventNaming(source: source, typePrefix: prefix))
            case "cloudevents-binary":
                return .cloudEventsBinary(
                    try CloudEventNaming(source: source, typePrefix: prefix))
            case "chat":
                let text = template ?? Self.usualMessage
                return .chat(
                    try text.hasPrefix("{") && !text.hasPrefix("{{")
                        ? ChatTemplate(json: text, escaping: .mentions)
                        : ChatTemplate(text: text, escaping: .mentions))
            default:
                throw ReportError(
                    .invalidValue, "must be native, cloudevents, cloudevents-binary or chat")
            }
        } catch {
            throw section.error(word == "chat" ? "template" : "rendering", error.message)
        }
    }

    /// What goes to a chat tool, where people read, unless the configuration says otherwise.
    private static let chatEvents: Set<String> = [
        EventKind.alertOpened.rawValue, EventKind.streamStopped.rawValue,
        EventKind.canaryFailed.rawValue, EventKind.streamHeldBack.rawValue,
        EventKind.test.rawValue,
    ]

    /// What a chat tool shows unless the configuration says otherwise.
    private static let usualMessage =
        "{{type}}: known item {{known.item}} of {{known.set}} ({{known.category}}) in {{input}}, since {{opened_at}}; alert {{alert_id}}"

    private static func webhook(
        _ section: inout StrictMapping, _ rendering: EventRendering, _ concurrency: Int
    ) throws(RunError) -> any DeliverySink {
        guard let text = try section.text("url"), let url = URL(string: text),
            let host = url.host(), !host.isEmpty, ["http", "https"].contains(url.scheme),
            url.user == nil, url.password == nil
        else {
            throw section.error(
                "url", "is needed: an http or https address without user and password")
        }
        var egress = EgressPolicy(trustsNamedHost: false)
        egress.allowed = try ServiceSettings.ranges("allow", &section)
        guard let files = try section.texts("secret_files"), !files.isEmpty else {
            throw section.error(
                "secret_files", "is needed: files with whsec_… or whsk_…, two while they rotate")
        }
        do {
            var secrets: [WebhookSecret] = []
            for file in files {
                let bytes = try PrivateFile.read(file, "webhook secret", most: 4096)
                secrets.append(
                    try WebhookSecret(
                        String(decoding: bytes, as: UTF8.self)
                            .trimmingCharacters(in: .whitespacesAndNewlines)))
            }
            return WebhookSink(
                url: url, host: host.trimmingCharacters(in: ["[", "]"]),
                signer: try WebhookSigner(secrets), rendering: rendering, egress: egress,
                connections: concurrency)
        } catch {
            throw section.error("secret_files", "\(error)")
        }
    }

    private static func file(
        _ section: inout StrictMapping, _ rendering: EventRendering
    ) throws(RunError) -> any DeliverySink {
        guard let path = try section.text("path"), path.hasPrefix("/") else {
            throw section.error("path", "is needed: a path from the root")
        }
        var (megabytes, kept) = (100, 5)
        try section.integer("max_mb", in: 1...100_000) { megabytes = $0 }
        try section.integer("keep", in: 0...1000) { kept = $0 }
        return LineSink(
            LineFile(
                path: URL(filePath: path).standardizedFileURL.path,
                mostBytes: megabytes * 1_000_000,
                kept: kept),
            rendering: rendering)
    }
}
