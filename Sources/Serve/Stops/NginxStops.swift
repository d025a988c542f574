// Stops streams of nginx-rtmp by its control module, and looks in its statistics.
//
// The control module compares names as they stand in its query, without decoding them, and takes an
// empty name for all of them; so names go in as they are, and such as cannot are refused.

public import Report

/// nginx with its RTMP module: `rtmp_control` and `rtmp_stat`.
///
/// Source: https://github.com/arut/nginx-rtmp-module/wiki/Control-module
public struct NginxStops: StopDriver {
    /// Most bytes of its statistics, which list every client: some 40 000 of them.
    static let mostStatistics = 16 << 20

    private let access: ServerAccess
    private let control: [String]
    private let statistics: [String]

    /// Makes a driver.
    /// - Parameters:
    ///   - control: path of the location with `rtmp_control all`.
    ///   - statistics: path of the location with `rtmp_stat all`.
    public init(
        _ access: ServerAccess, control: String = "control", statistics: String = "stat"
    ) {
        self.access = access
        self.control = control.split(separator: "/").map(String.init)
        self.statistics = statistics.split(separator: "/").map(String.init)
    }

    /// Drops the publisher; see ``StopDriver``.
    public func drop(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> DropAnswer {
        let names = try names(place)
        let request = try access.request(
            "GET", control + ["drop", "publisher"], query: "app=\(names.app)&name=\(names.name)")
        let answer = try await access.send(request)
        guard answer.isSuccess else { throw request.failed(answer) }
        // The answer is the number of connections that were dropped.
        let digits = answer.text.filter { !$0.isWhitespace }
        guard digits.utf8.count <= 9, let count = Int(digits), count >= 0 else {
            throw request.failed(
                .failed, "its answer is no number; is there a location with rtmp_control all?")
        }
        return count > 0 ? .dropped : .notThere
    }

    /// Looks in the statistics; see ``StopDriver``.
    public func isPublished(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> Bool? {
        let names = try names(place)
        let request = try access.request("GET", statistics)
        let answer = try await access.send(request, mostBytes: Self.mostStatistics)
        guard answer.isSuccess else { throw request.failed(answer) }
        guard let published = NginxStatistics.published(answer.body) else {
            throw request.failed(
                .failed, "its answer holds no statistics; is there a location with rtmp_stat all?")
        }
        return published.contains("\(names.app)/\(names.name)")
    }

    private func names(_ place: StreamPlace) throws(StopError) -> (app: String, name: String) {
        let names = try access.names(place.path, count: 2...2)
        for name in names {
            guard !name.isEmpty, name.utf8.allSatisfy({ PercentCoding.isPlain($0, in: .segment) })
            else {
                throw StopError(
                    .unsupported,
                    "media server \(access.server): nginx cannot be asked to stop a stream whose "
                        + "name holds other characters than letters, digits and -._~!$'()*+,;=@; "
                        + "stop it by hand, and let its hook refuse such names")
            }
        }
        return (names[0], names[1])
    }
}

/// The statistics of nginx-rtmp: which streams have a publisher.
enum NginxStatistics {
    /// Places of streams that are published, as `application/name`.
    /// - Returns: `nil` where the text is not statistics, or not all of them.
    static func published(_ bytes: [UInt8]) -> Set<String>? {
        var places: Set<String> = []
        var open: [String] = []
        var text: [UInt8] = []
        var app = ""
        var stream = ""
        var isPublished = false
        var isWhole = false
        var rest = bytes[...]
        while let byte = rest.first {
            guard byte == UInt8(ascii: "<") else {
                text.append(byte)
                rest.removeFirst()
                continue
            }
            guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return nil }
            let tag = String(decoding: rest[(rest.startIndex + 1)..<end], as: UTF8.self)
            rest = rest[(end + 1)...]
            if tag.hasPrefix("?") || tag.hasPrefix("!") { continue }
            if tag.hasPrefix("/") {
                guard open.popLast() == String(tag.dropFirst()) else { return nil }
                switch (tag, open.last) {
                case ("/name", "application"?): app = unescaped(text)
                case ("/name", "stream"?): stream = unescaped(text)
                case ("/stream", _):
                    if isPublished { places.insert("\(app)/\(stream)") }
                case ("/rtmp", nil): isWhole = true
                default: break
                }
            } else if tag.hasSuffix("/") {
                if tag == "publishing/", open.last == "stream" { isPublished = true }
            } else {
                let name = String(tag.prefix { $0 != " " })
                guard open.count < 32 else { return nil }
                if name == "stream" { (stream, isPublished) = ("", false) }
                open.append(name)
            }
            text.removeAll(keepingCapacity: true)
        }
        return isWhole ? places : nil
    }

    private static func unescaped(_ text: [UInt8]) -> String {
        String(decoding: text, as: UTF8.self).replacing("&lt;", with: "<")
            .replacing("&gt;", with: ">").replacing("&quot;", with: "\"")
            .replacing("&amp;", with: "&")
    }
}
