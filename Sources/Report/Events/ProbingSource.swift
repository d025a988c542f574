// What the showings of one who tries out variants of a known picture have in common: an account, an
// address, a place, or a host.
//
// Invariant: the name holds no stream key; the key, which may, is for comparing only.

internal import Glibc

/// Who or where showings come from.
public struct ProbingSource: Sendable, Hashable {
    /// Which kind of thing it is.
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// The stream's label `account_id`.
        case account
        /// The publisher's address; of IPv6 the network of 64 bits, which is one subscriber's.
        case address
        /// Where on which media server it is published.
        case place
        /// The host of the stream's address.
        case host
    }

    /// Which kind of thing it is.
    public let kind: Kind
    /// What it is called in output.
    public let name: String
    private let key: String

    /// Makes a source.
    /// - Parameter key: tells it from others; the name where there is none.
    public init(_ kind: Kind, _ name: String, key: String? = nil) {
        self.kind = kind
        self.name = name
        self.key = key ?? name
    }

    /// Whether both are the same source, however they are called.
    public static func == (left: ProbingSource, right: ProbingSource) -> Bool {
        left.kind == right.kind && left.key == right.key
    }

    /// Hashes what tells it from others.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(kind)
        hasher.combine(key)
    }

    /// The sources of a stream: its account and its publisher's address as far as they are known, else
    /// its place, else the host that it comes from.
    public static func all(of stream: WatchedStream) -> [ProbingSource] {
        var found: [ProbingSource] = []
        if let account = stream.labels[EventStream.accountLabel], !account.isEmpty {
            found.append(ProbingSource(.account, account.bounded(to: 300)))
        }
        if let peer = stream.publisher.peer.flatMap(SourceAddress.init) {
            found.append(ProbingSource(.address, subscriber(peer.address)))
        }
        if found.isEmpty, let place = stream.place {
            let key = "\(place.server)\n\(place.path)"
            found.append(ProbingSource(.place, stream.name.bounded(to: 300), key: key))
        }
        if found.isEmpty, let host = host(ofName: stream.name) {
            found.append(ProbingSource(.host, host.bounded(to: 300)))
        }
        return found
    }

    /// An IPv6 address's first 64 bits, which one subscriber has all of; anything else as it is.
    private static func subscriber(_ address: String) -> String {
        var bytes = in6_addr()
        guard inet_pton(AF_INET6, address, &bytes) == 1 else { return address }
        let isMapped = withUnsafeBytes(of: bytes) { bytes in
            bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
        }
        guard !isMapped else { return address }
        withUnsafeMutableBytes(of: &bytes) { bytes in
            for place in 8..<bytes.count { bytes[place] = 0 }
        }
        var text = [UInt8](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let isWritten = text.withUnsafeMutableBytes { buffer in
            inet_ntop(
                AF_INET6, &bytes, buffer.baseAddress?.assumingMemoryBound(to: CChar.self),
                socklen_t(buffer.count)) != nil
        }
        guard isWritten else { return address }
        return String(decoding: text.prefix { $0 != 0 }, as: UTF8.self) + "/64"
    }

    /// The host in an address without secrets, such as `https://cdn.example/…`.
    private static func host(ofName name: String) -> String? {
        guard let start = name.firstRange(of: "://") else { return nil }
        let host = name[start.upperBound...].prefix { !"/?#".contains($0) }
        return host.isEmpty ? nil : host.lowercased()
    }
}
