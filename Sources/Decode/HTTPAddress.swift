// An http(s) address, taken apart by the library that connects to it, so that what is decided on and
// what is connected to cannot differ.

internal import CCurl

/// Scheme, host and port of an http(s) address, and the address as it is sent to libcurl.
struct HTTPAddress: Hashable {
    /// The address with user and password: not for output.
    let url: String
    let scheme: String
    let host: String
    let port: String

    /// Takes an absolute address.
    /// - Parameter credentials: whether a user and password in it are kept.
    /// - Throws: `DecodeError` where it is none, or of another scheme.
    init(_ text: String, credentials: Bool = true) throws(DecodeError) {
        guard let parts = curl_url() else { throw DecodeError(.io, "out of memory") }
        defer { curl_url_cleanup(parts) }
        // Playlists name files with spaces in them.
        let lenient = UInt32(CURLU_ALLOW_SPACE | CURLU_URLENCODE)
        guard curl_url_set(parts, CURLUPART_URL, text, lenient) == CURLUE_OK else {
            throw DecodeError(.refused, "leads to something that is no http or https address")
        }
        if !credentials {
            curl_url_set(parts, CURLUPART_USER, nil, 0)
            curl_url_set(parts, CURLUPART_PASSWORD, nil, 0)
        }
        func part(_ part: CURLUPart, _ flags: CInt = 0) -> String? {
            var text: UnsafeMutablePointer<CChar>?
            guard curl_url_get(parts, part, &text, UInt32(flags)) == CURLUE_OK, let text else {
                return nil
            }
            defer { curl_free(text) }
            return String(cString: text)
        }
        guard let scheme = part(CURLUPART_SCHEME)?.lowercased(),
            let host = part(CURLUPART_HOST)?.lowercased(), !host.isEmpty,
            let port = part(CURLUPART_PORT, CURLU_DEFAULT_PORT), let url = part(CURLUPART_URL)
        else { throw DecodeError(.refused, "leads to an address without a host") }
        guard scheme == "http" || scheme == "https" else {
            throw DecodeError(.refused, "not allowed to open \(scheme): addresses")
        }
        self.url = url
        self.scheme = scheme
        self.host = host
        self.port = port
        hasCredentials = part(CURLUPART_USER) != nil
    }

    /// Whether a user stands in it.
    let hasCredentials: Bool

    /// Whether another address is the same service: host and port.
    func isSameService(as other: HTTPAddress) -> Bool { host == other.host && port == other.port }

    /// Where a redirect leads, with the credentials of this address if it is the same server and
    /// brings none.
    func redirected(to text: String) throws(DecodeError) -> HTTPAddress {
        let bare = try HTTPAddress(text, credentials: false)
        guard isSameService(as: bare), scheme == bare.scheme, hasCredentials else { return bare }
        guard let from = curl_url(), let parts = curl_url() else { return bare }
        defer {
            curl_url_cleanup(from)
            curl_url_cleanup(parts)
        }
        curl_url_set(from, CURLUPART_URL, url, 0)
        curl_url_set(parts, CURLUPART_URL, bare.url, 0)
        for part in [CURLUPART_USER, CURLUPART_PASSWORD] {
            var text: UnsafeMutablePointer<CChar>?
            guard curl_url_get(from, part, &text, 0) == CURLUE_OK, let text else { continue }
            curl_url_set(parts, part, text, 0)
            curl_free(text)
        }
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(parts, CURLUPART_URL, &text, 0) == CURLUE_OK, let text else {
            return bare
        }
        defer { curl_free(text) }
        return try HTTPAddress(String(cString: text))
    }
}
