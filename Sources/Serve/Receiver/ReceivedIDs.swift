// Which webhooks have come already: by id, with a digest of the body, so that a repeat is told from
// another event under the same id.
//
// Invariants: the oldest ids are forgotten beyond the bound, so memory is bounded; an id counts as
// taken only once it was answered with success, as at a consumer that stores before it answers.

internal import Crypto

/// Ids of webhooks, the newest of them.
struct ReceivedIDs {
    /// How a webhook stands to those before.
    enum Standing: Sendable, Hashable {
        /// None with its id was taken.
        case new
        /// It was taken already.
        case repeated
        /// Another body came with its id.
        case conflict
    }

    private struct Key: Hashable {
        var high: UInt64
        var low: UInt64
    }

    private struct Entry {
        var body: UInt64
        var isTaken: Bool
    }

    private let most: Int
    private var entries: [Key: Entry] = [:]
    /// Keys in the order in which they came; the oldest is overwritten.
    private var ring: [Key] = []
    private var oldest = 0

    /// - Parameter most: how many ids are kept.
    init(most: Int = 1_000_000) { self.most = max(1, most) }

    /// Where a webhook stands; nothing is noted.
    func standing(id: String, body: SHA256.Digest) -> Standing {
        guard let entry = entries[Self.key(id)] else { return .new }
        if entry.body != Self.short(body) { return .conflict }
        return entry.isTaken ? .repeated : .new
    }

    /// Notes a webhook that is new.
    mutating func note(id: String, body: SHA256.Digest, isTaken: Bool) {
        let key = Self.key(id)
        let entry = Entry(body: Self.short(body), isTaken: isTaken)
        guard entries.updateValue(entry, forKey: key) == nil else { return }
        if ring.count < most {
            ring.append(key)
        } else {
            entries.removeValue(forKey: ring[oldest])
            ring[oldest] = key
            oldest = (oldest + 1) % most
        }
    }

    private static func key(_ id: String) -> Key {
        SHA256.hash(data: Array(id.utf8)).withUnsafeBytes {
            Key(
                high: $0.loadUnaligned(as: UInt64.self),
                low: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
    }

    private static func short(_ digest: SHA256.Digest) -> UInt64 {
        digest.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
    }
}
