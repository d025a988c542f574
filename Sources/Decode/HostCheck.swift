// The policy for protocols that the library connects by itself: the host's addresses are looked up
// before it does.
//
// Between the two a name may come to mean something else; where that matters, the system's own
// filter (IPAddressDeny of systemd) closes it.

internal import CFFmpeg
internal import Glibc

/// Looks up hosts before they are connected to.
package enum HostCheck {
    /// Longest name of the DNS; the library would cut a longer one, to another name.
    private static let longestName = 253

    /// Looks up the host of an address as the library will read it.
    /// - Throws: `DecodeError` where any of its addresses is not allowed, or there is none.
    static func check(_ url: String, _ policy: EgressPolicy) throws(DecodeError) {
        let host = try host(of: url)
        guard !url.hasPrefix("udp:") else { return try checkListening(at: host, policy) }
        guard !host.isEmpty else {
            // Every interface of this machine.
            return try check(IPAddress(bytes: [0, 0, 0, 0]), of: "no host", policy)
        }
        for address in try addresses(of: host) { try check(address, of: host, policy) }
    }

    /// The addresses that a name has now, all of them allowed; blocks.
    ///
    /// Whoever connects must connect to one of these, and not ask for the name again.
    /// - Throws: `DecodeError` where one is not allowed, or there is none.
    package static func allowedAddresses(
        of host: String, by policy: EgressPolicy
    ) throws(DecodeError) -> [IPAddress] {
        guard !host.isEmpty, host.utf8.count <= longestName else {
            throw DecodeError(.refused, "the host's name is empty or longer than 253 bytes")
        }
        let found = try addresses(of: host)
        for address in found { try check(address, of: host, policy) }
        guard !found.isEmpty else {
            throw DecodeError(.notFound, "the name \(host) cannot be resolved")
        }
        return found
    }

    /// Here the host is no peer: it is where this machine takes what anybody sends.
    private static func checkListening(
        at host: String, _ policy: EgressPolicy
    ) throws(DecodeError) {
        guard let address = IPAddress(host.isEmpty ? "0.0.0.0" : host) else {
            throw DecodeError(.refused, "udp:// needs an address in numbers, not \(host)")
        }
        if let reason = policy.refusal(ofListeningAt: address) {
            throw .refused(address, of: host.isEmpty ? "no host" : host, reason)
        }
    }

    private static func check(
        _ address: IPAddress, of host: String, _ policy: EgressPolicy
    ) throws(DecodeError) {
        if let reason = policy.refusal(of: address) { throw .refused(address, of: host, reason) }
    }

    static func host(of url: String) throws(DecodeError) -> String {
        var name = [CChar](repeating: 0, count: url.utf8.count + 1)
        av_url_split(nil, 0, nil, 0, &name, CInt(name.count), nil, nil, 0, url)
        let bytes = name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
        guard bytes.count <= longestName else {
            throw DecodeError(.refused, "the host's name is longer than \(longestName) bytes")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func addresses(of host: String) throws(DecodeError) -> [IPAddress] {
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, nil, &found) == 0 else {
            throw DecodeError(.notFound, "the name \(host) cannot be resolved")
        }
        defer { freeaddrinfo(found) }
        var addresses: [IPAddress] = []
        var next = found
        while let entry = next?.pointee {
            guard let raw = entry.ai_addr,
                let address = IPAddress(raw, length: Int(entry.ai_addrlen))
            else { throw DecodeError(.refused, "\(host) has an address of no known kind") }
            addresses.append(address)
            next = entry.ai_next
        }
        return addresses
    }
}
