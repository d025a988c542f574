// A small consumer of Vigil's webhooks: Hummingbird and swift-crypto, in one file.
//
// It verifies each webhook over the bytes as they came, appends it to a file that it syncs, and
// only then answers: what was answered with 204 is on disk, and a webhook that comes again is
// dropped. What takes time belongs in a worker that reads the file, not into the request.
//
//     swift run -c release sample-receiver --secret-file secret --inbox inbox.jsonl --port 8500

internal import Crypto
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

@main
struct Receiver {
    static func main() async throws {
        let options = try Options(CommandLine.arguments.dropFirst())
        let keys = try Key.read(options.secretFile)
        let inbox = try Inbox(options.inbox)
        let router = Router()
        router.post("/") { request, _ in
            let body = try await request.body.collect(upTo: 1 << 20)
            let bytes = Data(body.readableBytesView)
            guard let id = verifiedID(request.headers, bytes, keys) else {
                return Response(status: .unauthorized)
            }
            if try await inbox.keep(id, bytes) { tell(id, bytes) }
            return Response(status: .noContent)
        }
        let application = Application(
            router: router,
            configuration: .init(address: .hostname("127.0.0.1", port: options.port)))
        try await application.runService()
    }
}

// MARK: - Verifying

/// `whsec_…` or `whpk_…`.
enum Key: Sendable {
    case shared(SymmetricKey)
    case verifying(Curve25519.Signing.PublicKey)

    /// Reads keys, one a line; two while secrets are exchanged.
    static func read(_ path: String) throws -> [Key] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map { line in
            let parts = line.split(separator: "_", maxSplits: 1)
            guard parts.count == 2, let bytes = Data(base64Encoded: String(parts[1])) else {
                throw Failure(text: "\(path) has a line that is no whsec_… and no whpk_…")
            }
            return parts[0] == "whsec"
                ? .shared(SymmetricKey(data: bytes))
                : .verifying(try Curve25519.Signing.PublicKey(rawRepresentation: bytes))
        }
    }

    func fits(_ version: Substring, _ signature: Data, _ signed: Data) -> Bool {
        switch (self, version) {
        case (.shared(let key), "v1"):
            HMAC<SHA256>.isValidAuthenticationCode(signature, authenticating: signed, using: key)
        case (.verifying(let key), "v1a"): key.isValidSignature(signature, for: signed)
        default: false
        }
    }
}

/// The id of a webhook that one of the keys signed not long ago.
func verifiedID(_ headers: HTTPFields, _ body: Data, _ keys: [Key]) -> String? {
    func value(_ name: String) -> String? { HTTPField.Name(name).flatMap { headers[$0] } }
    guard let id = value("webhook-id"), !id.contains("."),
        let timestamp = value("webhook-timestamp"), let seconds = Double(timestamp),
        abs(Date().timeIntervalSince1970 - seconds) <= 300,
        let signatures = value("webhook-signature")
    else { return nil }
    let signed = Data("\(id).\(timestamp).".utf8) + body
    for text in signatures.split(separator: " ").prefix(16) {
        let parts = text.split(separator: ",", maxSplits: 1)
        guard parts.count == 2, let signature = Data(base64Encoded: String(parts[1])) else {
            continue
        }
        if keys.contains(where: { $0.fits(parts[0], signature, signed) }) { return id }
    }
    return nil
}

// MARK: - Keeping

/// A file of webhooks, and the ids of those that are in it.
///
/// All ids stay in memory: a consumer of millions keeps them in a database.
actor Inbox {
    private var taken: Set<String> = []
    private let file: FileHandle

    private struct Line: Codable {
        var id: String
        var body: String
    }

    init(_ path: String) throws {
        if !FileManager.default.fileExists(atPath: path) {
            _ = FileManager.default.createFile(
                atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
        }
        // A line that a crash cut off was not answered, and comes again.
        for line in try Data(contentsOf: URL(filePath: path)).split(separator: 10) {
            if let line = try? JSONDecoder().decode(Line.self, from: line) { taken.insert(line.id) }
        }
        file = try FileHandle(forWritingTo: URL(filePath: path))
        try file.seekToEnd()
    }

    /// - Returns: whether it was new.
    func keep(_ id: String, _ body: Data) throws -> Bool {
        guard !taken.contains(id) else { return false }
        let line = Line(id: id, body: String(decoding: body, as: UTF8.self))
        // The line end in front keeps what a full disk cut off away from what comes next.
        try file.write(contentsOf: [10] + (try JSONEncoder().encode(line)) + [10])
        try file.synchronize()
        taken.insert(id)
        return true
    }
}

/// Here: a line in the log.
///
/// Ids, times and items; never more than people need to see.
func tell(_ id: String, _ body: Data) {
    struct Event: Decodable {
        struct Content: Decodable {
            struct Known: Decodable { var set: String, item: String }
            var alertId: String?
            var known: Known?
        }
        var type: String
        var data: Content
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    guard let event = try? decoder.decode(Event.self, from: body) else { return }
    let item = event.data.known.map { "\($0.set)/\($0.item)" } ?? "-"
    let text = "\(id) \(event.type) alert \(event.data.alertId ?? "-") item \(item)\n"
    FileHandle.standardError.write(Data(text.utf8))
}

// MARK: - Options

struct Failure: Error { var text: String }

struct Options {
    var secretFile = ""
    var inbox = "inbox.jsonl"
    var port = 8500

    init(_ arguments: some Collection<String>) throws {
        var rest = Array(arguments)
        while rest.count >= 2 {
            let (name, value) = (rest.removeFirst(), rest.removeFirst())
            switch name {
            case "--secret-file": secretFile = value
            case "--inbox": inbox = value
            case "--port": port = Int(value) ?? port
            default: throw Failure(text: "\(name) is not known")
            }
        }
    }
}
