// A live stream's address: which protocols are read, and what each of them may reach for.
//
// Opening an address must not make the process reach for anything else: each scheme has its own list
// of nested protocols, none of which reads files.

/// The address of a live stream.
public struct LiveInput: Sendable, Hashable {
    /// The protocols that live streams are read by.
    public enum Scheme: String, Sendable, CaseIterable {
        /// RTMP, and RTMP in TLS.
        case rtmp, rtmps
        /// HLS, or MPEG-TS and FLV without an end.
        case http, https
        /// SRT, as the caller.
        case srt
        /// RTSP over TCP, and in TLS.
        case rtsp, rtsps
        /// MPEG-TS in datagrams, taken at an address of this machine or of a group, from anybody.
        case udp
        /// MPEG-TS or FLV in a plain connection.
        case tcp
    }

    /// How it is read.
    public let scheme: Scheme
    /// The address with all that it says, credentials and stream keys among it: not for output.
    let url: String

    /// Longest address that is taken, bytes of UTF-8.
    public static let longest = 2048

    /// Takes the text for an address.
    /// - Throws: `DecodeError` of code `unsupported` where no live stream is read from it.
    public init(_ text: String) throws(DecodeError) {
        guard text.utf8.count <= Self.longest else {
            throw DecodeError(.unsupported, "is longer than \(Self.longest) bytes")
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            throw DecodeError(.unsupported, "has spaces or control characters in it")
        }
        let parts = text.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, parts[1].hasPrefix("//"), parts[1].utf8.count > 2,
            let scheme = Scheme(rawValue: parts[0].lowercased())
        else {
            throw DecodeError(
                .unsupported,
                "is not the address of a live stream; one begins with "
                    + Scheme.allCases.map { $0.rawValue + "://" }.joined(separator: ", "))
        }
        guard !Self.listens(text) else {
            throw DecodeError(.unsupported, "asks to be listened for, which is not done")
        }
        self.scheme = scheme
        url = scheme.rawValue + ":" + parts[1]
    }

    /// The address without user, password, stream key and query, for people and records.
    public var redacted: String { redacted(isKeyed: scheme == .rtmp || scheme == .rtmps) }

    /// The address without secrets.
    /// - Parameter isKeyed: whether its last name is what an encoder publishes with.
    public func redacted(isKeyed: Bool) -> String {
        let bare = MediaInput.url(url).redacted
        guard isKeyed, let last = bare.lastIndex(of: "/"),
            bare.distance(from: bare.startIndex, to: last) > scheme.rawValue.count + 2
        else { return bare }
        // What an encoder publishes with is mostly all that keeps others from publishing.
        let key = bare[bare.index(after: last)...]
        guard key.count > 4 else { return bare }
        return bare[...last] + key.prefix(2) + "…"
    }

    /// Whether it is read through the transport of ours.
    var isHTTP: Bool { scheme == .http || scheme == .https }

    /// Whether the peer keeps what is not read yet, so that reading may wait a little.
    ///
    /// Datagrams would be lost; what is read by HTTP comes in segments or through a buffer of ours.
    public var isKeptByPeer: Bool {
        switch scheme {
        case .rtmp, .rtmps, .rtsp, .rtsps, .tcp: true
        case .http, .https, .srt, .udp: false
        }
    }

    var isRTSP: Bool { scheme == .rtsp || scheme == .rtsps }

    /// Whether the query asks the library to wait for somebody to connect to this machine.
    private static func listens(_ text: String) -> Bool {
        hasOption(text, ["listen", "mode=", "mode%"])
    }

    /// Whether the query has an option of the library's that begins so.
    private static func hasOption(_ text: String, _ beginnings: [String]) -> Bool {
        guard let question = text.firstIndex(of: "?") else { return false }
        return text[text.index(after: question)...].lowercased()
            .split { "?&;".contains($0) }
            .contains { option in beginnings.contains { option.hasPrefix($0) } }
    }

    /// Why a policy does not allow it, as far as the address alone tells; `nil` where it may.
    ///
    /// What a name stands for is only asked when connecting.
    public func refusal(by policy: EgressPolicy) -> String? {
        guard policy.schemes.contains(scheme) else { return "\(scheme)://… is not allowed" }
        guard !policy.trustsNamedHost else { return nil }
        if scheme == .udp { return refusalToListen(by: policy) }
        do throws(DecodeError) {
            guard let address = IPAddress(try HostCheck.host(of: url)) else { return nil }
            return policy.refusal(of: address).map { "\(address) may not be connected to: \($0)" }
        } catch {
            return error.message
        }
    }

    private func refusalToListen(by policy: EgressPolicy) -> String? {
        guard !Self.hasOption(url, ["local"]) else {
            return "udp://… may not say which socket of this machine to take"
        }
        do throws(DecodeError) { try HostCheck.check(url, policy) } catch { return error.message }
        return nil
    }

    /// Where datagrams are taken: at the URL's own address and nowhere else.
    ///
    /// Groups are joined, and taken as such.
    private var listening: [(name: String, value: String)] {
        guard let host = try? HostCheck.host(of: url), let address = IPAddress(host),
            !address.isMulticast
        else { return [] }
        return [("localaddr", host)]
    }

    /// Protocols that the library may use for it, by libavformat's names.
    var protocols: String {
        switch scheme {
        case .rtmp: "rtmp,tcp"
        case .rtmps: "rtmps,tls,tcp"
        // http itself is a transport of ours: what would open it past that is to fail.
        case .http, .https: "data"
        case .srt: "srt"
        case .rtsp: "rtsp,tcp"
        case .rtsps: "rtsps,rtsp,tls,tcp"
        case .udp: "udp"
        case .tcp: "tcp"
        }
    }

    /// Options of the library for it, but those of all inputs.
    var options: [(name: String, value: String)] {
        switch scheme {
        case .rtmp, .rtmps: [("rtmp_live", "live"), ("rtmp_buffer", "500")]
        case .http, .https:
            // The newest segment at once: what came before is not of now.
            // And no connections of the library's own, which would be taken for ours.
            [("live_start_index", "-1"), ("http_persistent", "0"), ("http_multiple", "0")]
                // A name says nothing of what it names: none is a file of this machine.
                + [("allowed_segment_extensions", "ALL"), ("extension_picky", "0")]
        case .srt: [("mode", "caller"), ("connect_timeout", "5000"), ("timeout", "10000000")]
        case .rtsp, .rtsps: [("rtsp_transport", "tcp"), ("timeout", "10000000")]
        case .udp:
            [("timeout", "10000000"), ("fifo_size", "7000"), ("overrun_nonfatal", "1")]
                + listening
        case .tcp: [("timeout", "10000000")]
        }
    }

    /// Formats that it may come in, by libavformat's names.
    ///
    /// Raw streams are not among them: noise looks like one, and what comes after the noise would be
    /// read as one for ever.
    var formats: String {
        switch scheme {
        case .rtmp, .rtmps: "flv,live_flv"
        case .http, .https: "hls,mpegts,flv,live_flv,mov,matroska,aac"
        case .srt, .udp: "mpegts"
        case .rtsp, .rtsps: "rtsp,rtp,sdp,mpegts"
        case .tcp: "mpegts,flv,live_flv"
        }
    }
}
