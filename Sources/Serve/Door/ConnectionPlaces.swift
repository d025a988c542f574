// Which connections have a place, and which goes when a new one comes and all places are taken.
//
// A new connection is what a health check or a hook arrives on, so it gets in: the place is that of
// the connection that deserves it least. In turn: a request that has not come whole for a second and
// more; a connection without a request; a peer that does not read its answer; a request that has only
// just begun. Among equals it is the peer with most of them that gives way, then the oldest. Nothing
// is taken from a request that is being answered: how many those may be is `RequestQuota`'s affair.
//
// Invariants: bounded; steps before a request is whole do not make a connection younger, so dripping
// bytes wins nothing. Pure: no socket, and times come with calls.

package import Decode

/// The connections of a listener.
package struct ConnectionPlaces: Sendable {
    /// What limits them.
    package struct Limits: Sendable, Hashable {
        /// Most connections at a time.
        package var most = 512
        /// Most of one peer: an IPv4 address, or a /64 of IPv6; 0 is no limit.
        package var mostOfPeer = 256
        /// Peers without that limit: this machine, and proxies, behind which are many.
        package var uncapped: [AddressRange] = AddressRange.loopback

        package init() {}
    }

    /// How far a connection has come.
    package enum Step: Sendable {
        /// No request's header has come whole; a TLS handshake among them.
        case incomplete
        /// A header came, and not yet the whole body.
        case receiving
        /// A request is being answered.
        case answering
        /// It is answered, and the peer does not read.
        case stalled
        /// All requests are answered.
        case idle
    }

    /// What became of a new connection.
    package struct Admission: Sendable, Hashable {
        /// Whether it has a place.
        package var isAdmitted: Bool
        /// Those that lost theirs; they are to be closed.
        package var evicted: [UInt64]

        package init(isAdmitted: Bool, evicted: [UInt64]) {
            self.isAdmitted = isAdmitted
            self.evicted = evicted
        }
    }

    private struct Connection {
        var peer: IPAddress?
        var isCapped: Bool
        var step = Step.incomplete
        /// When the step began, seconds.
        var since: Double
    }

    /// So long a request that has begun goes before idle connections, seconds.
    package static let youth = 1.0
    /// How long a request may take to come once half of all places are taken, seconds.
    package static let hurriedLimit = 5.0

    private let limits: Limits
    private var connections: [UInt64: Connection] = [:]
    private var counts: [IPAddress: Int] = [:]
    /// Connections that lost their place so far, and new ones that got none.
    package private(set) var evicted = 0, refused = 0

    package init(_ limits: Limits = Limits()) { self.limits = limits }

    /// Connections now.
    package var count: Int { connections.count }

    /// Takes in a new connection.
    /// - Parameters:
    ///   - id: was never used before.
    ///   - address: of the peer; `nil` where it has none.
    package mutating func open(
        _ id: UInt64, from address: IPAddress?, at seconds: Double
    ) -> Admission {
        var gone = overdue(at: seconds)
        let peer = address.map { $0.network(bits: 64) }
        let isCapped =
            limits.mostOfPeer > 0 && address.map { !isUncapped($0) } ?? false
        if isCapped, let peer, counts[peer, default: 0] >= limits.mostOfPeer {
            guard let victim = victim(of: peer, at: seconds) else { return refusal(gone) }
            gone.append(victim)
            remove(victim)
        }
        if connections.count >= limits.most {
            guard let victim = victim(at: seconds) else { return refusal(gone) }
            gone.append(victim)
            remove(victim)
        }
        evicted += gone.count
        connections[id] = Connection(peer: peer, isCapped: isCapped, since: seconds)
        if let peer { counts[peer, default: 0] += 1 }
        return Admission(isAdmitted: true, evicted: gone)
    }

    /// A connection came to a step; one that has no place any more is passed over.
    package mutating func reach(_ step: Step, _ id: UInt64, at seconds: Double) {
        guard let old = connections[id]?.step, old != step else { return }
        connections[id]?.step = step
        connections[id]?.since = seconds
    }

    /// A connection is closed.
    package mutating func close(_ id: UInt64) { remove(id) }

    private mutating func remove(_ id: UInt64) {
        guard let connection = connections.removeValue(forKey: id),
            let peer = connection.peer, let count = counts[peer]
        else { return }
        counts[peer] = count > 1 ? count - 1 : nil
    }

    private mutating func refusal(_ gone: [UInt64]) -> Admission {
        evicted += gone.count
        refused += 1
        return Admission(isAdmitted: false, evicted: gone)
    }

    private func isUncapped(_ address: IPAddress) -> Bool {
        limits.uncapped.contains { $0.contains(address) }
    }

    /// Takes the places of those that took too long, where places begin to be short.
    private mutating func overdue(at seconds: Double) -> [UInt64] {
        guard connections.count * 2 >= limits.most else { return [] }
        let late = connections.filter { _, connection in
            switch connection.step {
            case .incomplete, .receiving: seconds - connection.since >= Self.hurriedLimit
            case .answering, .stalled, .idle: false
            }
        }.keys.sorted()
        for id in late { remove(id) }
        return late
    }

    private func victim(of peer: IPAddress? = nil, at seconds: Double) -> UInt64? {
        var worst: (id: UInt64, claim: Claim)?
        for (id, connection) in connections where peer == nil || connection.peer == peer {
            guard let claim = claim(of: connection, id, at: seconds) else { continue }
            if let worst, worst.claim < claim { continue }
            worst = (id, claim)
        }
        return worst?.id
    }

    /// How much a connection deserves its place; `nil` where it is not to be taken.
    private func claim(of connection: Connection, _ id: UInt64, at seconds: Double) -> Claim? {
        let rank: Int
        switch connection.step {
        case .incomplete, .receiving: rank = seconds - connection.since >= Self.youth ? 0 : 3
        case .idle: rank = 1
        case .stalled: rank = 2
        case .answering: return nil
        }
        let others = connection.isCapped ? connection.peer.flatMap { counts[$0] } ?? 1 : 1
        return Claim(rank: rank, others: others, since: connection.since, id: id)
    }

    private struct Claim: Comparable {
        var rank: Int
        var others: Int
        var since: Double
        var id: UInt64

        static func < (left: Claim, right: Claim) -> Bool {
            (left.rank, -left.others, left.since, left.id)
                < (right.rank, -right.others, right.since, right.id)
        }
    }
}
