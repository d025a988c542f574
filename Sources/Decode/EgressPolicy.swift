// What an input may connect to: a pure decision on the very address of a connection.
//
// Stream addresses come through an API and playlists from strangers, so a name proves nothing: it may
// resolve to something else the next time. What counts is the address that a socket is about to
// connect to. Denied by default is all that is not plainly a host of the public internet.

/// Which addresses live inputs may reach.
public struct EgressPolicy: Sendable, Hashable {
    /// Schemes that may be opened.
    public var schemes: Set<LiveInput.Scheme>
    /// Ranges that may be reached although they are denied by default.
    public var allowed: [AddressRange]
    /// Ranges that may not be reached besides those that are denied by default.
    ///
    /// What is in `allowed` may be.
    public var denied: [AddressRange]
    /// Whether the host and port of the input's own address are exempt.
    ///
    /// The port counts, since other ports of the same machine are other services. What a playlist or
    /// a redirect leads to is not exempt, unless it is the same host and port.
    public var trustsNamedHost: Bool

    /// Makes a policy.
    public init(
        trustsNamedHost: Bool, allowed: [AddressRange] = [], denied: [AddressRange] = [],
        schemes: Set<LiveInput.Scheme> = Set(LiveInput.Scheme.allCases)
    ) {
        self.trustsNamedHost = trustsNamedHost
        self.allowed = allowed
        self.denied = denied
        self.schemes = schemes
    }

    /// For an operator who types the address: its own host is trusted.
    public static let watch = EgressPolicy(trustsNamedHost: true)
    /// For addresses that come from others: nothing internal, unless it is allowed.
    public static let service = EgressPolicy(trustsNamedHost: false)

    /// Why a connection to an address may not be made; nil where it may.
    public func refusal(of address: IPAddress) -> String? {
        if allowed.contains(where: { $0.contains(address) }) { return nil }
        if let range = denied.first(where: { $0.contains(address) }) {
            return "it is in \(range), which is denied"
        }
        // A translator sends these on to the IPv4 address within.
        if Self.translated.contains(address) {
            return refusal(of: IPAddress(bytes: Array(address.bytes[12...])))
        }
        guard let special = Self.special.first(where: { $0.range.contains(address) }) else {
            return nil
        }
        return "\(special.what) (\(special.range))"
    }

    /// Why datagrams may not be taken at an address of this machine; nil where they may.
    ///
    /// Whoever listens connects to nobody: anybody who reaches the address may send. So it has to be
    /// among those that are allowed, a public one too.
    public func refusal(ofListeningAt address: IPAddress) -> String? {
        if allowed.contains(where: { $0.contains(address) }) { return nil }
        return "anybody could send datagrams there"
    }

    /// Whether a URL's scheme may be opened.
    public func allows(scheme: String) -> Bool {
        LiveInput.Scheme(rawValue: scheme.lowercased()).map(schemes.contains) ?? false
    }

    /// NAT64 (RFC 6052).
    private static let translated = known("64:ff9b::/96")

    private static func known(_ text: String) -> AddressRange {
        // The texts below are constants, which a test parses all.
        guard let range = try? AddressRange(text) else { preconditionFailure(text) }
        return range
    }

    /// The special-purpose ranges of the IANA registries, and what lies outside of the internet's
    /// unicast addresses.
    private static let special: [(range: AddressRange, what: String)] = [
        ("0.0.0.0/8", "an unspecified address"), ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "a provider's inner address"), ("127.0.0.0/8", "this machine"),
        ("169.254.0.0/16", "a link-local address"), ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a reserved address"), ("192.0.2.0/24", "an address for documents"),
        ("192.31.196.0/24", "a reserved address"), ("192.52.193.0/24", "a relay's address"),
        ("192.88.99.0/24", "a relay's address"), ("192.168.0.0/16", "a private address"),
        ("192.175.48.0/24", "a reserved address"), ("198.18.0.0/15", "an address for benchmarks"),
        ("198.51.100.0/24", "an address for documents"),
        ("203.0.113.0/24", "an address for documents"), ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
        // A public address by the registry that answers only from within one cloud.
        ("168.63.129.16/32", "a cloud's inner service"),
        ("::/128", "an unspecified address"), ("::1/128", "this machine"),
        ("fc00::/7", "a private address"), ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a site's inner address"), ("ff00::/8", "a multicast address"),
        ("2001::/23", "a reserved address"), ("2001:db8::/32", "an address for documents"),
        ("2002::/16", "a relay's address"), ("2620:4f:8000::/48", "a reserved address"),
        ("3fff::/20", "an address for documents"),
        // All that is not 2000::/3.
        ("::/3", "a reserved address"), ("4000::/2", "a reserved address"),
        ("8000::/1", "a reserved address"),
    ].map { (known($0.0), $0.1) }
}
