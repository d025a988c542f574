// Whether a stream that media servers tell of is still published, and by whom: what hooks say and what
// the reader sees, in one pure value.
//
// A hook's word of an end proves nothing: whoever is turned away ends too, and says so while another
// goes on. Nor does a reader without a connection: who publishes may send nothing, or sound alone, for
// as long as it takes to be forgotten. So both together are a doubt, which the media server is asked
// about; where it cannot be asked, time decides.
// Invariant: no doubt outlives a publish hook, which changes the generation.

package import Report

/// Those who were let publish at a place and of whose end nobody told, who publishes first.
///
/// Servers ask before they turn a second publisher away, so a hook alone does not say who publishes:
/// it is the one before, as long as the stream is there and its end was not told.
package struct Publishers: Sendable, Hashable {
    /// Most that are kept.
    package static let most = 8

    /// Who publishes, and those who may have been turned away.
    package private(set) var all: [StreamPublisher] = []

    /// Begins with who is on record, if anybody.
    package init(_ publisher: StreamPublisher) {
        if publisher.id != nil || publisher.peer != nil { all = [publisher] }
    }

    /// Who publishes, as far as is known.
    package var current: StreamPublisher? { all.first }

    /// Somebody was let publish.
    /// - Parameter isCurrent: whether it is certain, or likely, that this one publishes now.
    package mutating func began(_ publisher: StreamPublisher, isCurrent: Bool) {
        var publisher = publisher
        let place = all.firstIndex {
            publisher.id == nil ? $0 == publisher : $0.id == publisher.id
        }
        if let place {
            publisher.peer = publisher.peer ?? all[place].peer
            all[place] = publisher
            if isCurrent { all.insert(all.remove(at: place), at: 0) }
            return
        }
        if all.count == Self.most { all.remove(at: isCurrent ? all.count - 1 : 1) }
        all.insert(publisher, at: isCurrent ? 0 : all.count)
    }

    /// Somebody's end was told; one without an id ends those without one, or all where all have one.
    package mutating func ended(_ publisher: StreamPublisher) {
        let isNamed = publisher.id != nil && all.contains { $0.id == publisher.id }
        if isNamed {
            all.removeAll { $0.id == publisher.id }
        } else if publisher.id == nil, !all.contains(where: { $0.id == nil }) {
            all = []
        } else {
            all.removeAll { $0.id == nil }
        }
    }
}

/// How a stream that media servers tell of stands.
package struct StreamPresence: Sendable {
    /// A reason to look whether anybody still publishes.
    package enum Cause: Sendable, Hashable {
        /// A hook told of an end.
        case ended
        /// It was not there for long.
        case absent
        /// It never was there.
        case neverCame
    }

    /// A doubt, and of what.
    package struct Doubt: Sendable, Hashable {
        package let cause: Cause
        let generation: Int
        let connections: Int
    }

    /// How long the reader may go on after an end was told; how long it has to be without a connection
    /// after that where the server cannot be asked; how long a stream may be away; how long one
    /// may take to come.
    package static let farewell = Duration.seconds(3), quiet = Duration.seconds(30),
        longestAbsence = Duration.seconds(600), longestComing = Duration.seconds(60)
    /// From one question to the next.
    private static let pause = Duration.seconds(10)

    package let place: StreamPlace
    /// Who publishes.
    package private(set) var publishers: Publishers
    /// Whether somebody asked for it who will end it: then no hook does.
    package var isKept: Bool
    /// When it may be asked about again.
    package private(set) var nextLook: ContinuousClock.Instant
    private var generation = 0
    private var endTold: ContinuousClock.Instant?
    private var began: ContinuousClock.Instant
    private var isConnected = false
    private var hasCome = false
    private var connections = 0, keyframes = 0
    private var lastConnected: ContinuousClock.Instant
    private var lastKeyframe: ContinuousClock.Instant?

    /// A stream that begins, or whose watch is resumed.
    package init(
        at place: StreamPlace, by publisher: StreamPublisher, isKept: Bool = false,
        now: ContinuousClock.Instant
    ) {
        self.place = place
        publishers = Publishers(publisher)
        self.isKept = isKept
        (nextLook, began, lastConnected) = (now, now, now)
    }

    /// Somebody was let publish.
    /// - Parameter isCertain: whether the server says that this one does publish.
    package mutating func published(
        by publisher: StreamPublisher, isCertain: Bool, at now: ContinuousClock.Instant
    ) {
        publishers.began(publisher, isCurrent: isCertain || !isConnected)
        generation += 1
        endTold = nil
        (nextLook, began, lastConnected) = (now, now, max(lastConnected, now))
    }

    /// The server says that somebody ended.
    package mutating func unpublished(
        by publisher: StreamPublisher, at now: ContinuousClock.Instant
    ) {
        publishers.ended(publisher)
        endTold = now
    }

    /// Notes what the reader has seen so far.
    package mutating func saw(
        isConnected: Bool, connections: Int, keyframes: Int, at now: ContinuousClock.Instant
    ) {
        // A connection that came and went since the last look counts as well.
        if isConnected || connections != self.connections {
            lastConnected = now
            hasCome = true
        }
        if keyframes != self.keyframes { lastKeyframe = now }
        (self.isConnected, self.connections) = (isConnected, connections)
        self.keyframes = keyframes
        // What still comes so long after is no rest of what was sent before.
        if let endTold, let lastKeyframe, lastKeyframe - endTold > Self.quiet {
            self.endTold = nil
        }
    }

    /// Whether there is a reason to look.
    package func doubt(at now: ContinuousClock.Instant) -> Doubt? {
        guard !isKept, !isConnected, now >= nextLook else { return nil }
        let cause: Cause
        if let endTold, now - max(lastConnected, endTold) > Self.farewell {
            cause = .ended
        } else if now - lastConnected > Self.longestAbsence {
            cause = .absent
        } else if !hasCome, now - began > Self.longestComing {
            cause = .neverCame
        } else {
            return nil
        }
        return Doubt(cause: cause, generation: generation, connections: connections)
    }

    /// Takes the media server's answer.
    /// - Parameters:
    ///   - isPublished: what it says; `nil` where it cannot be asked or cannot tell.
    ///   - isCrowded: whether others wait for the place that this watch takes.
    /// - Returns: why the watch is to end; `nil` where it is not.
    package mutating func settle(
        _ doubt: Doubt, isPublished: Bool?, isCrowded: Bool, at now: ContinuousClock.Instant
    ) -> String? {
        guard isStill(doubt) else { return nil }
        if isPublished == true { endTold = nil }
        nextLook = now + Self.pause
        switch (doubt.cause, isPublished) {
        case (_, true?): return nil
        case (.ended, false?): return "its publisher ended"
        case (.ended, nil):
            guard let endTold, now - max(lastConnected, endTold) > Self.quiet else {
                nextLook = now
                return nil
            }
            return "its publisher ended"
        case (.absent, _): return "not published for \(Self.longestAbsence)"
        case (.neverCame, false?): return "nobody published it"
        case (.neverCame, nil):
            return isCrowded ? "nothing came of it, and others waited to be watched" : nil
        }
    }

    /// Whether nothing was published and no connection stood since the doubt arose.
    package func isStill(_ doubt: Doubt) -> Bool {
        generation == doubt.generation && connections == doubt.connections && !isConnected
    }
}
