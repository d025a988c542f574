// Events on streams, known sets and the service itself.

public import Match

/// Of `stream.stopped`.
public struct StreamStoppedData: Sendable, Hashable, Codable {
    /// What came of it.
    public enum Outcome: String, Sendable, Hashable, CaseIterable, Codable {
        /// The stream is no longer there.
        case confirmedGone = "confirmed_gone"
        /// It was still there after all tries: a person has to act.
        case givenUp = "given_up"
        /// It ended before it was stopped.
        case endedByItself = "ended_by_itself"
        /// An authority asked not to stop it.
        case held
    }

    /// The alert that called for the stop.
    public var alertID: AlertID
    /// The stream; `nil` where the store does not have it.
    @Nullable public var stream: EventStream?
    /// When the evidence became sufficient.
    @Nullable public var detectedAt: EventTime?
    /// When the media server was asked first.
    @Nullable public var stopRequestedAt: EventTime?
    /// When the stream was seen to be gone.
    @Nullable public var confirmedGoneAt: EventTime?
    /// What came of it.
    public var outcome: Outcome
    /// More about it, for people.
    public var detail: String
    /// Where the event comes from.
    public var origin: EventOrigin

    private enum CodingKeys: String, CodingKey {
        case alertID = "alert_id"
        case detectedAt = "detected_at"
        case stopRequestedAt = "stop_requested_at"
        case confirmedGoneAt = "confirmed_gone_at"
        case stream, outcome, detail, origin
    }
}

/// Of `stream.unexamined`.
public struct StreamUnexaminedData: Sendable, Hashable, Codable {
    /// The stream.
    public var stream: EventStream
    /// From when.
    public var from: EventTime
    /// To when.
    public var to: EventTime
    /// Share of that time that was examined, 0…1.
    public var examinedShare: Double
    /// Share that it should have been at least.
    public var thresholdShare: Double
    /// Seconds that were not, by cause; every cause is there.
    public var missed: [String: Double]
    /// Where the event comes from.
    public var origin: EventOrigin

    private enum CodingKeys: String, CodingKey {
        case stream, from, to, origin
        case examinedShare = "examined_share"
        case thresholdShare = "threshold_share"
        case missed = "missed_s"
    }
}

/// Of `stream.held_back`.
public struct StreamHeldBackData: Sendable, Hashable, Codable {
    /// The stream.
    public var stream: EventStream
    /// How often the service fell with it in hand.
    public var falls: Int
    /// When it did so last, as the next start saw it.
    public var fellAt: EventTime
    /// When it is tried again.
    public var retryAt: EventTime
    /// More about it, for people.
    public var reason: String
    /// Where the event comes from.
    public var origin: EventOrigin

    private enum CodingKeys: String, CodingKey {
        case stream, falls, reason, origin
        case fellAt = "fell_at"
        case retryAt = "retry_at"
    }
}

/// Of `known.updated`.
public struct KnownUpdatedData: Sendable, Hashable, Codable {
    /// Name of the set.
    public var set: String
    /// Version before; `nil` where the set is new.
    @Nullable public var versionFrom: Int?
    /// Version now.
    public var versionTo: Int
    /// Items that were added; `nil` where that is not known.
    @Nullable public var itemsAdded: Int?
    /// Items that were removed; `nil` where that is not known.
    @Nullable public var itemsRemoved: Int?
    /// Where the event comes from.
    public var origin: EventOrigin

    private enum CodingKeys: String, CodingKey {
        case set, origin
        case versionFrom = "version_from"
        case versionTo = "version_to"
        case itemsAdded = "items_added"
        case itemsRemoved = "items_removed"
    }
}

/// Of `canary.failed`.
public struct CanaryFailedData: Sendable, Hashable, Codable {
    /// When one came through last; `nil` where none ever did.
    @Nullable public var lastPassedAt: EventTime?
    /// How long ago that is, seconds.
    @Nullable public var since: Double?
    /// Where the event comes from.
    public var origin: EventOrigin

    private enum CodingKeys: String, CodingKey {
        case lastPassedAt = "last_passed_at"
        case since = "since_s"
        case origin
    }
}

/// Of `probing.suspected`.
public struct ProbingSuspectedData: Sendable, Hashable, Codable {
    /// What the showings have in common.
    public struct Source: Sendable, Hashable, Codable {
        /// Which kind of thing it is.
        public var kind: ProbingSource.Kind
        /// What it is called.
        public var name: String
    }

    /// Who or where it was.
    public var source: Source
    /// The known item.
    public var known: KnownReference
    /// Showings that differed from each other in ways that none had before.
    public var variants: Int
    /// When the first of them ended.
    public var since: EventTime
    /// The stream of the newest; `nil` where the store does not have it.
    @Nullable public var stream: EventStream?
    /// Where the event comes from.
    public var origin: EventOrigin

    private enum CodingKeys: String, CodingKey {
        case source, known, variants, since, stream, origin
    }
}

/// Of `webhook.test`.
public struct TestData: Sendable, Hashable, Codable {
    /// For people.
    public var message: String
    /// Where the event comes from.
    public var origin: EventOrigin
}

extension EventPayload {
    /// What came of stopping a stream, by the steps that were taken.
    /// - Parameters:
    ///   - steps: all steps of the alert, in their order.
    ///   - stream: the watched stream, where the store has it.
    public static func streamStopped(
        _ alert: AlertID, outcome: StreamStoppedData.Outcome, steps: [AlertStep],
        stream: WatchedStream?, detail: String, at unixMilliseconds: Int64, origin: EventOrigin
    ) -> EventPayload {
        func time(_ kind: AlertStep.Kind) -> EventTime? {
            steps.first { $0.kind == kind }.map { EventTime($0.unixMilliseconds) }
        }
        let data = StreamStoppedData(
            alertID: alert, stream: stream.map(EventStream.init), detectedAt: time(.detected),
            stopRequestedAt: time(.stopRequested), confirmedGoneAt: time(.confirmedGone),
            outcome: outcome, detail: detail.bounded(to: 500), origin: origin)
        return EventPayload(.streamStopped, at: unixMilliseconds, .streamStopped(data))
    }

    /// Too much of a stream was not examined.
    /// - Parameters:
    ///   - range: Unix seconds.
    ///   - coverage: the sum of what was and was not examined in it.
    ///   - threshold: share that should have been examined, 0…1.
    public static func streamUnexamined(
        _ stream: WatchedStream, in range: Range<Int64>, coverage: CoverageMinute,
        threshold: Double, at unixMilliseconds: Int64, origin: EventOrigin
    ) -> EventPayload {
        var missed: [String: Double] = [:]
        for cause in MissedCause.allCases {
            missed[cause.rawValue] = (coverage.missedSeconds[cause] ?? 0).rounded
        }
        let seconds = coverage.seconds
        let share = seconds > 0 ? coverage.examinedSeconds / seconds : 0
        let data = StreamUnexaminedData(
            stream: EventStream(stream), from: EventTime(unixSeconds: range.lowerBound),
            to: EventTime(unixSeconds: range.upperBound), examinedShare: share.rounded,
            thresholdShare: threshold.rounded, missed: missed, origin: origin)
        return EventPayload(.streamUnexamined, at: unixMilliseconds, .streamUnexamined(data))
    }

    /// A stream is not read for now.
    public static func streamHeldBack(
        _ stream: WatchedStream, _ suspicion: StreamSuspicion, at unixMilliseconds: Int64,
        origin: EventOrigin
    ) -> EventPayload {
        let data = StreamHeldBackData(
            stream: EventStream(stream), falls: suspicion.falls,
            fellAt: EventTime(suspicion.fellUnixMilliseconds),
            retryAt: EventTime(suspicion.nextUnixMilliseconds),
            reason: suspicion.reason.bounded(to: 500), origin: origin)
        return EventPayload(.streamHeldBack, at: unixMilliseconds, .streamHeldBack(data))
    }

    /// A known set was changed.
    public static func knownUpdated(
        set: String, from: Int?, to: Int, added: Int?, removed: Int?, at unixMilliseconds: Int64,
        origin: EventOrigin
    ) -> EventPayload {
        let data = KnownUpdatedData(
            set: set.bounded(to: 200), versionFrom: from, versionTo: to, itemsAdded: added,
            itemsRemoved: removed, origin: origin)
        return EventPayload(.knownUpdated, at: unixMilliseconds, .knownUpdated(data))
    }

    /// The canary did not come through.
    /// - Parameter lastPassed: when one did, Unix milliseconds; `nil` where none ever did.
    public static func canaryFailed(
        lastPassed: Int64?, at unixMilliseconds: Int64, origin: EventOrigin
    ) -> EventPayload {
        let data = CanaryFailedData(
            lastPassedAt: lastPassed.map { EventTime($0) },
            since: lastPassed.map { (Double(max(0, unixMilliseconds - $0)) / 1000).rounded },
            origin: origin)
        return EventPayload(.canaryFailed, at: unixMilliseconds, .canaryFailed(data))
    }

    /// Somebody tries out, by small changes, what of a known picture is recognised.
    /// - Parameters:
    ///   - variants: how many versions of it were shown.
    ///   - since: when the first was, Unix milliseconds.
    ///   - stream: the newest's.
    public static func probingSuspected(
        _ source: ProbingSource, known: KnownReference, variants: Int, since: Int64,
        stream: WatchedStream?, at unixMilliseconds: Int64, origin: EventOrigin
    ) -> EventPayload {
        let data = ProbingSuspectedData(
            source: .init(kind: source.kind, name: source.name.bounded(to: 300)),
            known: KnownReference(
                set: known.set.bounded(to: 200), item: known.item.bounded(to: 200),
                category: known.category.bounded(to: 200)),
            variants: variants, since: EventTime(since), stream: stream.map(EventStream.init),
            origin: origin)
        return EventPayload(.probingSuspected, at: unixMilliseconds, .probingSuspected(data))
    }

    /// Somebody tries an endpoint.
    public static func test(
        message: String, at unixMilliseconds: Int64, origin: EventOrigin
    ) -> EventPayload {
        EventPayload(
            .test, at: unixMilliseconds,
            .test(TestData(message: message.bounded(to: 500), origin: origin)))
    }
}

extension EventTime {
    /// Takes Unix seconds.
    fileprivate init(unixSeconds: Int64) {
        let (milliseconds, isOver) = unixSeconds.multipliedReportingOverflow(by: 1000)
        self.init(isOver ? .max : milliseconds)
    }
}
