// Opens known sets and puts them behind one index: what every command that compares does first.

internal import Foundation
public import Known
public import Match

/// Known sets that were opened.
public struct LoadedKnown: ~Copyable {
    /// What is told of a set: no hash, no item.
    public struct Summary: Sendable, Hashable {
        /// Its name.
        public let name: String
        /// Its version, which grows with each change.
        public let version: Int
        /// Its items and hashes.
        public let items: Int, hashes: Int
        /// When it was made and changed last, Unix seconds.
        public let createdUnixSeconds: Int64, updatedUnixSeconds: Int64
    }

    private var sets: [KnownSet]
    /// What is told of each set, in the order of the files.
    public let summaries: [Summary]

    /// Opens sealed sets.
    /// - Throws: `RunError` of code `known`, naming the file; also where two have one name, because
    ///   an alert could not say which was meant.
    public init(_ paths: [String], key: SealKey) throws(RunError) {
        var sets: [KnownSet] = []
        for path in paths {
            do throws(KnownError) {
                sets.append(try SealedFile.read(path: path, key: key))
            } catch {
                throw RunError(.known, error.message)
            }
        }
        var seen: Set<String> = []
        for set in sets where !seen.insert(set.name).inserted {
            throw RunError(
                .known,
                "two known sets are called \(set.name); an alert could not say which was meant")
        }
        summaries = sets.map {
            Summary(
                name: $0.name, version: $0.version, items: $0.items.count,
                hashes: $0.hashes.count, createdUnixSeconds: $0.createdUnixSeconds,
                updatedUnixSeconds: $0.updatedUnixSeconds)
        }
        self.sets = sets
    }

    /// Adds a set that is made in memory.
    public mutating func add(_ set: consuming KnownSet) { sets.append(set) }

    /// Puts the sets behind one index.
    /// - Throws: `RunError` of code `known` where nothing could ever be found.
    public consuming func index(policy: MatchPolicy) throws(RunError) -> KnownIndex {
        let index = KnownIndex(sets, policy: policy)
        guard index.hashCount > 0 else {
            throw RunError(
                .known,
                "no hash of the known sets has a quality of \(policy.minimumQuality) or more: "
                    + "nothing could ever be found")
        }
        return index
    }
}
