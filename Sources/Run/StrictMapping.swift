// A YAML mapping with strict keys: an unknown key is an error that names the nearest right one, a
// value out of its range an error that names the range; nothing is silently ignored.

internal import Foundation
internal import Yams

/// A YAML mapping that is read key by key and complains about what nobody asked for.
package struct StrictMapping {
    private let path: String
    private let file: String
    private let line: Int
    private var values: [String: Node] = [:]
    private var asked: [String] = []

    /// Reads the text of a whole file; empty text is an empty mapping.
    package init(yaml: String, name: String) throws(RunError) {
        let root: Node?
        do {
            root = try Yams.compose(yaml: yaml)
        } catch {
            let brief = "\(error)".split(separator: "\n").first.map(String.init) ?? "unreadable"
            throw RunError(.configuration, "\(name): is not valid YAML: \(brief)")
        }
        let isEmpty = root == nil || root == Node("")
        try self.init(isEmpty ? Node([(Node, Node)]()) : root!, path: "", file: name)
    }

    private init(_ node: Node, path: String, file: String) throws(RunError) {
        self.path = path
        self.file = file
        line = node.mark?.line ?? 1
        guard let mapping = node.mapping else {
            let what = path.isEmpty ? "the file" : path
            throw RunError(
                .configuration, "\(file):\(line): \(what) must be a mapping of keys to values")
        }
        for (key, value) in mapping {
            guard let name = key.string else {
                throw RunError(.configuration, "\(file):\(line): a key must be a word")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw RunError(.configuration, "\(file):\(line): \(path)\(name) is given twice")
            }
        }
    }

    package mutating func section(_ key: String) throws(RunError) -> StrictMapping? {
        asked.append(key)
        guard let node = values[key], !isNull(node) else { return nil }
        return try StrictMapping(node, path: "\(path)\(key).", file: file)
    }

    /// A list of mappings; empty where there is none.
    package mutating func sections(_ key: String) throws(RunError) -> [StrictMapping] {
        asked.append(key)
        guard let node = values[key], !isNull(node) else { return [] }
        guard let list = node.sequence else { throw error(key, "must be a list") }
        var sections: [StrictMapping] = []
        for (place, node) in list.enumerated() {
            sections.append(
                try StrictMapping(node, path: "\(path)\(key)[\(place)].", file: file))
        }
        return sections
    }

    /// A list of words; `nil` where there is none.
    package mutating func texts(_ key: String) throws(RunError) -> [String]? {
        asked.append(key)
        guard let node = values[key], !isNull(node) else { return nil }
        guard let list = node.sequence else { throw error(key, "must be a list") }
        var texts: [String] = []
        for node in list {
            guard let scalar = node.scalar else { throw error(key, "must be a list of words") }
            texts.append(scalar.string)
        }
        return texts
    }

    /// A mapping of words to words; empty where there is none.
    package mutating func pairs(_ key: String) throws(RunError) -> [String: String] {
        guard var section = try section(key) else { return [:] }
        var pairs: [String: String] = [:]
        for name in section.values.keys { pairs[name] = try section.text(name) }
        return pairs
    }

    /// `true` or `false`.
    package mutating func flag(_ key: String, _ set: (Bool) -> Void) throws(RunError) {
        guard let text = try text(key) else { return }
        guard let value = ["true": true, "false": false][text] else {
            throw error(key, "must be true or false")
        }
        set(value)
    }

    /// Leaves a section to another reader.
    package mutating func leave(_ key: String) { asked.append(key) }

    package mutating func text(_ key: String) throws(RunError) -> String? {
        asked.append(key)
        guard let node = values[key] else { return nil }
        guard let scalar = node.scalar else { throw error(key, "must be a single value") }
        return scalar.string
    }

    package mutating func number(
        _ key: String, in range: ClosedRange<Double>, _ set: (Double) -> Void
    ) throws(RunError) {
        guard let text = try text(key) else { return }
        guard let value = Double(text), range.contains(value) else {
            throw error(key, "must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        set(value)
    }

    package mutating func integer(
        _ key: String, in range: ClosedRange<Int>, _ set: (Int) -> Void
    ) throws(RunError) {
        guard let text = try text(key) else { return }
        guard let value = Int(text), range.contains(value) else {
            throw error(
                key, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        set(value)
    }

    package mutating func integerOrAuto(
        _ key: String, in range: ClosedRange<Int>, _ set: (Int?) -> Void
    ) throws(RunError) {
        if values[key]?.scalar?.string == "auto" {
            asked.append(key)
            return set(nil)
        }
        try integer(key, in: range, set)
    }

    /// Complains about the first key that was not asked for.
    package func finish() throws(RunError) {
        let unknown = values.filter { !asked.contains($0.key) }
        guard
            let (key, node) = unknown.min(by: {
                ($0.value.mark?.line ?? 0, $0.key) < ($1.value.mark?.line ?? 0, $1.key)
            })
        else { return }
        let nearest = asked.min { distance($0, key) < distance($1, key) } ?? ""
        let place = "\(file):\(node.mark?.line ?? line)"
        throw RunError(
            .configuration,
            "\(place): unknown key \(path)\(key); did you mean \(path)\(nearest)?")
    }

    package func error(_ key: String, _ complaint: String) -> RunError {
        let place = "\(file):\(values[key]?.mark?.line ?? line)"
        return RunError(.configuration, "\(place): \(path)\(key) \(complaint)")
    }

    private func isNull(_ node: Node) -> Bool {
        node.scalar.map { $0.string.isEmpty || $0.string == "null" || $0.string == "~" } ?? false
    }

    /// Levenshtein's edit distance of two short words.
    private func distance(_ left: String, _ right: String) -> Int {
        let (a, b) = (Array(left.utf8.prefix(64)), Array(right.utf8.prefix(64)))
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let substituted = diagonal + (x == y ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
            }
        }
        return row[b.count]
    }
}
