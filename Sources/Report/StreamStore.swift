// The seam to durable state about which streams are watched, so that every watch goes on after a
// crash, and to what was examined of them.
//
// Promises are those of `ReportStore`: what returned is durable, what threw has changed nothing,
// calls from several threads are safe, and they block. An address is watched once at a time.

public import Match

/// Id of a watched stream: a UUID of version 7.
public struct StreamID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The UUID.
    public let uuid: AlertID

    /// Wraps a UUID.
    public init(_ uuid: AlertID) { self.uuid = uuid }

    /// Reads the 36-character text form; anything else gives `nil`.
    public init?(_ text: some StringProtocol) {
        guard let uuid = AlertID(text) else { return nil }
        self.uuid = uuid
    }

    /// The usual text form, lower case.
    public var description: String { uuid.description }

    /// Orders by time of creation.
    public static func < (left: StreamID, right: StreamID) -> Bool { left.uuid < right.uuid }
}

/// Where a stream is published: what has to be known to stop it.
public struct StreamPlace: Sendable, Hashable {
    /// Name of the media server in the configuration.
    public var server: String
    /// Where on the server, for instance `live/one`.
    public var path: String

    /// Makes a place of its parts.
    public init(server: String, path: String) {
        self.server = server
        self.path = path
    }
}

/// Who publishes a stream, as the media server told it.
public struct StreamPublisher: Sendable, Hashable {
    /// The server's own id of the connection, needed to drop it; `nil` where it gives none.
    public var id: String?
    /// The publisher's address, with its port where the server tells it; `nil` where it tells none.
    ///
    /// Without the port nobody behind carrier-grade NAT can be told from others.
    public var peer: String?

    /// Makes it of its parts.
    public init(id: String?, peer: String?) {
        self.id = id
        self.peer = peer
    }
}

/// A stream that is or was watched.
public struct WatchedStream: Sendable, Hashable {
    /// Stable id.
    public var id: StreamID
    /// Its address, credentials and stream keys among it: never for output.
    public var address: String
    /// Its address without secrets.
    public var name: String
    /// What the caller calls it, for filters and reports.
    public var labels: [String: String]
    /// Whether it is looked at before others when time is short.
    public var isPriority: Bool
    /// Whether its host may be an internal one: the operator's configuration named it.
    public var isTrusted: Bool
    /// Whether somebody asked for it who will end it, and no media server's word does.
    public var isKept: Bool
    /// Where it is published; `nil` where that is not known, so that it cannot be stopped.
    public var place: StreamPlace?
    /// Who publishes it.
    public var publisher: StreamPublisher
    /// When the watch began, Unix milliseconds.
    public var startedUnixMilliseconds: Int64
    /// When the watch ended; `nil` while it goes on.
    public var endedUnixMilliseconds: Int64?
    /// Why it ended.
    public var endReason: String?

    /// Makes a stream whose watch begins.
    public init(
        id: StreamID, address: String, name: String, labels: [String: String] = [:],
        isPriority: Bool = false, isTrusted: Bool = false, isKept: Bool = false,
        place: StreamPlace? = nil,
        publisher: StreamPublisher = StreamPublisher(id: nil, peer: nil),
        startedUnixMilliseconds: Int64
    ) {
        self.id = id
        self.address = address
        self.name = name
        self.labels = labels
        self.isPriority = isPriority
        self.isTrusted = isTrusted
        self.isKept = isKept
        self.place = place
        self.publisher = publisher
        self.startedUnixMilliseconds = startedUnixMilliseconds
    }

    /// Whether the watch goes on.
    public var isWatched: Bool { endedUnixMilliseconds == nil }
}

/// Keeps what is watched.
public protocol StreamStore: Sendable {
    /// Adds a stream whose watch begins.
    ///
    /// Where its address is watched already, nothing is added but where it is published, if that was
    /// not known, and that it is of priority, trusted or kept, if it is so now.
    /// - Returns: the stream that is watched, and whether it is new.
    func add(
        _ stream: WatchedStream
    ) throws(ReportError) -> (stream: WatchedStream, isNew: Bool)

    /// Notes who publishes a stream, in the place of who was noted before; one whose watch is over
    /// keeps it.
    func record(_ publisher: StreamPublisher, of id: StreamID) throws(ReportError)

    /// Ends a watch, whose address is forgotten; one that has ended keeps its time and reason.
    /// - Throws: `notFound` where there is no such stream.
    func end(_ id: StreamID, at unixMilliseconds: Int64, reason: String) throws(ReportError)

    /// Closes the alerts of streams that this store keeps and that a service which was killed left
    /// open: what comes of the streams from now on is another showing.
    /// - Returns: how many.
    func closeAbandonedAlerts(at unixMilliseconds: Int64) throws(ReportError) -> Int

    /// Finds a stream.
    func stream(_ id: StreamID) throws(ReportError) -> WatchedStream?

    /// Whether an address is watched.
    func isWatched(address: String) throws(ReportError) -> Bool

    /// The stream that is watched at a place.
    func stream(at place: StreamPlace) throws(ReportError) -> WatchedStream?

    /// Streams, the newest first.
    /// - Parameters:
    ///   - watchedOnly: whether those whose watch is over are left out.
    ///   - limit: how many at most; brought into 1…10 000.
    ///   - cursor: the last id of the page before; `nil` for the first page.
    func streams(
        watchedOnly: Bool, limit: Int, before cursor: StreamID?
    ) throws(ReportError) -> [WatchedStream]
}

/// What was examined of a stream in a minute of one session.
///
/// A session is one time that the watch ran, so that a watch that was resumed adds to a minute
/// instead of overwriting it.
public struct CoverageEntry: Sendable, Hashable {
    /// The stream.
    public var stream: StreamID
    /// When the session began, Unix milliseconds.
    public var sessionUnixMilliseconds: Int64
    /// The minute, which may still grow.
    public var minute: CoverageMinute

    /// Makes an entry of its parts.
    public init(stream: StreamID, sessionUnixMilliseconds: Int64, minute: CoverageMinute) {
        self.stream = stream
        self.sessionUnixMilliseconds = sessionUnixMilliseconds
        self.minute = minute
    }
}

/// Keeps what was examined: the ledger.
public protocol CoverageStore: Sendable {
    /// Writes entries over those of the same stream, session and minute, all or nothing.
    func record(_ entries: [CoverageEntry]) throws(ReportError)

    /// The minutes of a stream from one time to before another, the oldest first, sessions summed.
    /// - Parameters:
    ///   - range: Unix seconds.
    ///   - limit: how many at most; brought into 1…10 000.
    func minutes(
        of stream: StreamID, in range: Range<Int64>, limit: Int
    ) throws(ReportError) -> [CoverageMinute]

    /// The newest minute of a stream, sessions summed.
    func lastMinute(of stream: StreamID) throws(ReportError) -> CoverageMinute?

    /// The sum of all minutes of a stream; the first one's start, `nil` where there is none.
    func total(of stream: StreamID) throws(ReportError) -> CoverageMinute?
}
