// What an event tells of an alert: enough to act on and to keep as evidence, without a look-up.

public import Match

/// What a known set says of itself and of an item's origin.
public struct KnownFacts: Sendable, Hashable {
    /// Version of the set that found it.
    public var setVersion: Int?
    /// Who supplied it.
    public var source: String?
    /// On what legal basis it is held and compared with.
    public var legalBasis: String?

    /// Makes it of what is known.
    public init(setVersion: Int? = nil, source: String? = nil, legalBasis: String? = nil) {
        self.setVersion = setVersion
        self.source = source
        self.legalBasis = legalBasis
    }
}

/// By which rules it was found.
public struct EventPolicy: Sendable, Hashable, Codable {
    /// Name of the policy.
    public let name: String
    /// Version of it.
    public let version: String

    /// Makes it of its parts.
    public init(name: String, version: String) {
        self.name = name.bounded(to: 100)
        self.version = version.bounded(to: 100)
    }
}

/// Of `alert.opened`, `alert.updated` and `alert.closed`.
public struct AlertEventData: Sendable, Hashable, Codable {
    /// Who published it, as far as it is known, and when exactly.
    public struct Attribution: Sendable, Hashable, Codable {
        /// The publisher's address.
        @Nullable public var sourceAddress: String?
        /// The publisher's port: without it nobody behind carrier-grade NAT can be told from
        /// others.
        @Nullable public var sourcePort: Int?
        /// The stream's label `account_id`.
        @Nullable public var accountID: String?
        /// When the frame came that made the evidence sufficient.
        @Nullable public var frameArrivedAt: EventTime?
        /// When the first frame came that matched.
        @Nullable public var firstFrameArrivedAt: EventTime?
        /// When the alert opened.
        public var detectedAt: EventTime
        /// How far this machine's clock may be from UTC, seconds.
        @Nullable public var clockErrorBound: Double?

        private enum CodingKeys: String, CodingKey {
            case sourceAddress = "source_address"
            case sourcePort = "source_port"
            case accountID = "account_id"
            case frameArrivedAt = "frame_arrived_at"
            case firstFrameArrivedAt = "first_frame_arrived_at"
            case detectedAt = "detected_at"
            case clockErrorBound = "clock_error_bound_s"
        }
    }

    /// The known item.
    public struct Known: Sendable, Hashable, Codable {
        /// Name of the set.
        public var set: String
        /// Version of the set.
        @Nullable public var setVersion: Int?
        /// Opaque id of the item.
        public var item: String
        /// Category that the set gives it; may be empty.
        public var category: String
        /// Who supplied the set.
        @Nullable public var source: String?
        /// On what legal basis.
        @Nullable public var legalBasis: String?

        private enum CodingKeys: String, CodingKey {
            case set, item, category, source
            case setVersion = "set_version"
            case legalBasis = "legal_basis"
        }
    }

    /// What was seen.
    public struct Evidence: Sendable, Hashable, Codable {
        /// Sampled frames that matched.
        public var framesMatched: Int
        /// Share of the known item that was seen, 0…1.
        public var knownShare: Double
        /// Smallest distance, of 256 bits; `nil` for receivers that are told none.
        @Nullable public var bestDistance: Int?
        /// How near that is, coarsely.
        public var band: DistanceBand
        /// Form of the picture that matched best.
        public var variant: String
        /// Evidence rule that was met.
        public var rule: String
        /// Media time of the first matching frame, seconds.
        public var firstMedia: Double
        /// Media time of the last matching frame, seconds.
        public var lastMedia: Double

        private enum CodingKeys: String, CodingKey {
            case framesMatched = "frames_matched"
            case knownShare = "known_share"
            case bestDistance = "best_distance"
            case band, variant, rule
            case firstMedia = "first_media_s"
            case lastMedia = "last_media_s"
        }
    }

    /// What was examined of the stream since its watch began.
    public struct Coverage: Sendable, Hashable, Codable {
        /// Seconds that were.
        public var examined: Double
        /// Seconds that were not, for whatever reason.
        public var missed: Double

        private enum CodingKeys: String, CodingKey {
            case examined = "examined_s"
            case missed = "missed_s"
        }
    }

    /// The alert's id, the same in all events on it.
    public var alertID: AlertID
    /// When it opened.
    public var openedAt: EventTime
    /// When it closed; `nil` while it may grow.
    @Nullable public var closedAt: EventTime?
    /// Newest verdict of those who looked at it; `nil` until somebody did.
    @Nullable public var verdict: Verdict?
    /// Path or address of the input, without secrets.
    public var input: String
    /// The live stream; `nil` for a file.
    @Nullable public var stream: EventStream?
    /// Who published it, and when.
    public var attribution: Attribution
    /// The known item.
    public var known: Known
    /// What was seen.
    public var evidence: Evidence
    /// What was examined; `nil` for a file.
    @Nullable public var coverage: Coverage?
    /// By which rules.
    public var policy: EventPolicy
    /// Where the event comes from.
    public var origin: EventOrigin

    private enum CodingKeys: String, CodingKey {
        case alertID = "alert_id"
        case openedAt = "opened_at"
        case closedAt = "closed_at"
        case verdict, input, stream, attribution, known, evidence, coverage, policy, origin
    }
}

extension EventPayload {
    /// An event on an alert.
    /// - Parameters:
    ///   - kind: one of the kinds for alerts.
    ///   - unixMilliseconds: when the event happened.
    ///   - alert: its newest facts.
    ///   - opened: when the alert opened, Unix milliseconds.
    ///   - closed: when it closed, Unix milliseconds.
    ///   - verdict: the newest.
    ///   - stream: the watched stream, where it is one that the store has.
    ///   - clockErrorBound: how far this machine's clock may be from UTC, seconds.
    public static func alert(
        _ kind: EventKind, _ alert: Alert, at unixMilliseconds: Int64, opened: Int64,
        closed: Int64? = nil, verdict: Verdict? = nil, stream: WatchedStream? = nil,
        known: KnownFacts = KnownFacts(), policy: EventPolicy, origin: EventOrigin,
        clockErrorBound: Double? = nil
    ) -> EventPayload {
        precondition([.alertOpened, .alertUpdated, .alertClosed].contains(kind))
        // A stream that the store does not have is still named.
        let seen =
            stream.map(EventStream.init)
            ?? alert.stream.map { EventStream(id: $0.id, name: alert.input, labels: [:]) }
        let data = AlertEventData(
            alertID: alert.id, openedAt: EventTime(opened), closedAt: closed.map(EventTime.init),
            verdict: verdict, input: alert.input.bounded(to: 2000, bytes: 2000), stream: seen,
            attribution: .init(alert, stream, opened, clockErrorBound),
            known: .init(alert.known, known), evidence: .init(alert),
            coverage: alert.stream.map {
                .init(examined: $0.examinedSeconds.rounded, missed: $0.missedSeconds.rounded)
            },
            policy: policy, origin: origin)
        return EventPayload(kind, at: unixMilliseconds, .alert(data))
    }
}

extension AlertEventData.Attribution {
    fileprivate init(
        _ alert: Alert, _ stream: WatchedStream?, _ opened: Int64, _ clockErrorBound: Double?
    ) {
        let source = stream?.publisher.peer.flatMap(SourceAddress.init)
        sourceAddress = source?.address
        sourcePort = source?.port
        accountID = stream?.labels[EventStream.accountLabel]?.bounded(to: 100, bytes: 300)
        frameArrivedAt = alert.stream.map { EventTime($0.frameArrivedUnixMilliseconds) }
        firstFrameArrivedAt = alert.stream?.firstFrameArrivedUnixMilliseconds.map(EventTime.init)
        detectedAt = EventTime(opened)
        self.clockErrorBound = clockErrorBound?.rounded
    }
}

extension AlertEventData.Known {
    fileprivate init(_ reference: KnownReference, _ facts: KnownFacts) {
        set = reference.set.bounded(to: 200)
        setVersion = facts.setVersion
        item = reference.item.bounded(to: 200)
        category = reference.category.bounded(to: 200)
        source = facts.source?.bounded(to: 300)
        legalBasis = facts.legalBasis?.bounded(to: 300)
    }
}

extension AlertEventData.Evidence {
    fileprivate init(_ alert: Alert) {
        framesMatched = alert.framesMatched
        knownShare = alert.knownShare.rounded
        bestDistance = alert.bestDistance
        band = alert.band
        variant = alert.variant.bounded(to: 100)
        rule = alert.rule.bounded(to: 100)
        firstMedia = alert.firstSeen.rounded
        lastMedia = alert.lastSeen.rounded
    }
}
