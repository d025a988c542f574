// A manifest from a stranger, read-only: the elements and attributes that are looked at, and no more.
//
// libxml2 parses it with its own limits on depth and length (no "huge"), fetches nothing, and puts
// nothing in the place of entities; a document with a document type is refused whole, since no
// manifest has one, and it is UTF-8 whatever it says. Names are without prefixes, in which manifests
// differ. The library's own tree takes a hundred times the text; here an element takes some dozens of
// bytes, and one with a name that is not known none. Each element asks the load's budget.

internal import CXML2
internal import Glibc

/// What is kept of a document.
final class XMLDocument {
    /// A part of `bytes`.
    private struct Part {
        var start: UInt32 = 0
        var count: UInt16 = 0
    }

    private struct Attribute {
        let name: DASHAttribute
        let value: Part
    }

    private struct Node {
        let name: DASHElement
        var attributeCount: UInt8 = 0
        /// Whether it has text that is too long to be taken.
        var isCut = false
        let firstAttribute: UInt32
        var firstChild: Int32 = -1
        var next: Int32 = -1
        var text = Part()
    }

    private var nodes: [Node] = []
    private var attributes: [Attribute] = []
    private var bytes: [UInt8] = []

    /// The elements that are open, and the last one in each.
    private var open: [(node: Int32, last: Int32)] = []
    /// Open elements that are left out.
    private var skipped = 0
    private var elements = 0
    /// Namespaces that each open element declares, and all of them.
    private var declared: [Int] = []
    private var inScope = 0
    private var problem: DecodeError?
    private let load: ListLoad

    private static let isReady: Void = xmlInitParser()
    /// Longest element's start with the text after it, bytes.
    ///
    /// The library compares each attribute of an element with all others of it.
    private static let longestTag = 16_384
    /// Longest attribute or text that is taken, bytes.
    private static let longest = 4000

    /// Parses a text; `nil` where it is no manifest.
    /// - Throws: `DecodeError` where it is more than the load's budget allows.
    init?(_ text: [UInt8], load: ListLoad) throws(DecodeError) {
        self.load = load
        try Self.checkTags(text)
        _ = Self.isReady
        let isWellFormed = text.withUnsafeBytes { bytes in
            // Sound: the callbacks come within this call, and this object lives as long.
            vigil_xml_read(
                bytes.bindMemory(to: CChar.self).baseAddress, CInt(clamping: bytes.count),
                Unmanaged.passUnretained(self).toOpaque(),
                { parser, name, prefix, uri, declared, _, count, _, attributes in
                    XMLDocument.owner(of: parser).begin(
                        parser, name, isUnknown: prefix != nil && uri == nil, Int(declared),
                        Int(count), attributes)
                },
                { parser, _, _, _ in XMLDocument.owner(of: parser).end() },
                { parser, text, count in
                    XMLDocument.owner(of: parser).add(parser, text, Int(count))
                },
                { parser, _, _, _ in
                    XMLDocument.owner(of: parser).stop(
                        parser, DecodeError(.refused, "the manifest has a document type"))
                })
        }
        if let problem { throw problem }
        guard isWellFormed != 0, let root = nodes.first, root.name == .presentation else {
            return nil
        }
    }

    /// The root.
    var root: XMLElement { XMLElement(document: self, index: 0) }

    /// Counts from one "<" to the next, since there is none in an attribute.
    private static func checkTags(_ text: [UInt8]) throws(DecodeError) {
        let isShort = text.withUnsafeBytes { bytes in
            var last = 0
            for place in bytes.indices where bytes[place] == UInt8(ascii: "<") {
                if place - last > longestTag { return false }
                last = place
            }
            return bytes.count - last <= longestTag
        }
        guard isShort else {
            throw DecodeError(
                .refused, "the manifest has an element or text of more than \(longestTag) bytes")
        }
    }

    // MARK: - Called by the library

    private static func owner(of parser: UnsafeMutableRawPointer?) -> XMLDocument {
        // Non-nil, both: the library passes the parser, which `init` gave its owner.
        Unmanaged<XMLDocument>.fromOpaque(vigil_xml_owner(parser!)!).takeUnretainedValue()
    }

    private func stop(_ parser: UnsafeMutableRawPointer?, _ error: DecodeError) {
        problem = problem ?? error
        vigil_xml_stop(parser)
    }

    private func begin(
        _ parser: UnsafeMutableRawPointer?, _ name: UnsafePointer<xmlChar>?, isUnknown: Bool,
        _ namespaces: Int, _ count: Int, _ found: UnsafeMutablePointer<UnsafePointer<xmlChar>?>?
    ) {
        elements += 1
        inScope += namespaces
        declared.append(namespaces)
        do throws(DecodeError) {
            try load.step(4 + count)
            try check(attributes: count)
        } catch {
            return stop(parser, error)
        }
        guard skipped == 0, !isUnknown, let name, let known = Self.elementNames.value(of: name)
        else {
            skipped += 1
            return
        }
        let index = Int32(nodes.count)
        nodes.append(Node(name: known, firstAttribute: UInt32(attributes.count)))
        if let parent = open.indices.last {
            if open[parent].last < 0 {
                nodes[Int(open[parent].node)].firstChild = index
            } else {
                nodes[Int(open[parent].last)].next = index
            }
            open[parent].last = index
        }
        open.append((index, -1))
        if let found { keep(attributes: found, count) }
    }

    private func check(attributes count: Int) throws(DecodeError) {
        guard elements <= ListLimits.elements else {
            throw DecodeError(
                .refused, "the manifest has more than \(ListLimits.elements) elements")
        }
        guard count <= ListLimits.attributes, inScope <= ListLimits.attributes else {
            throw DecodeError(
                .refused,
                "the manifest has an element of more than \(ListLimits.attributes) "
                    + "attributes or namespaces")
        }
    }

    /// Takes attributes, each told by five pointers: name, prefix, namespace, value, its end.
    private func keep(
        attributes found: UnsafeMutablePointer<UnsafePointer<xmlChar>?>, _ count: Int
    ) {
        for index in 0..<count {
            let attribute = found + 5 * index
            guard attribute[1] == nil, let name = attribute[0], let start = attribute[3],
                let end = attribute[4], let known = Self.attributeNames.value(of: name)
            else { continue }
            let from = bytes.count
            addUnescaped(UnsafeBufferPointer(start: start, count: end - start))
            guard bytes.count - from <= Self.longest else {
                bytes.removeLast(bytes.count - from)
                continue
            }
            // In range: the text is shorter than 2^32, and a value than 2^16.
            let value = Part(start: UInt32(from), count: UInt16(bytes.count - from))
            attributes.append(Attribute(name: known, value: value))
            nodes[nodes.count - 1].attributeCount += 1
        }
    }

    /// Keeps an attribute's value, in which the library has left each "&" as a reference by number.
    private func addUnescaped(_ value: UnsafeBufferPointer<UInt8>) {
        guard value.mentions("&#38;") else {
            bytes.append(contentsOf: value)
            return
        }
        let reference: StaticString = "&#38;"
        var place = 0
        while place < value.count {
            bytes.append(value[place])
            let isReference =
                value.count - place >= reference.utf8CodeUnitCount
                && memcmp(
                    value.baseAddress! + place, reference.utf8Start, reference.utf8CodeUnitCount)
                    == 0
            place += isReference ? reference.utf8CodeUnitCount : 1
        }
    }

    private func end() {
        inScope -= declared.popLast() ?? 0
        if skipped > 0 { skipped -= 1 } else { open.removeLast() }
    }

    /// Takes text, of a base address only.
    private func add(
        _ parser: UnsafeMutableRawPointer?, _ text: UnsafePointer<xmlChar>?, _ count: Int
    ) {
        do throws(DecodeError) { try load.step() } catch { return stop(parser, error) }
        guard skipped == 0, let text, let index = open.last.map({ Int($0.node) }),
            nodes[index].name == .baseURL
        else { return }
        let before = Int(nodes[index].text.count)
        guard before + count <= Self.longest else {
            nodes[index].isCut = true
            return
        }
        if before == 0 { nodes[index].text.start = UInt32(bytes.count) }
        // One with elements in it is none.
        guard Int(nodes[index].text.start) + before == bytes.count else {
            nodes[index].isCut = true
            return
        }
        bytes.append(contentsOf: UnsafeBufferPointer(start: text, count: count))
        nodes[index].text.count += UInt16(count)
    }

    // MARK: - For elements

    fileprivate func name(of node: Int) -> DASHElement { nodes[node].name }

    fileprivate func value(_ name: DASHAttribute, of node: Int) -> ArraySlice<UInt8>? {
        let first = Int(nodes[node].firstAttribute)
        for index in first..<first + Int(nodes[node].attributeCount)
        where attributes[index].name == name {
            return slice(attributes[index].value)
        }
        return nil
    }

    fileprivate func text(of node: Int) -> ArraySlice<UInt8>? {
        guard !nodes[node].isCut else { return nil }
        var text = slice(nodes[node].text).drop { $0 <= 0x20 }
        while let last = text.last, last <= 0x20 { text.removeLast() }
        return text
    }

    private func slice(_ part: Part) -> ArraySlice<UInt8> {
        bytes[Int(part.start)..<Int(part.start) + Int(part.count)]
    }

    fileprivate func first(in node: Int) -> Int? { Self.index(nodes[node].firstChild) }

    fileprivate func next(after node: Int) -> Int? { Self.index(nodes[node].next) }

    private static func index(_ node: Int32) -> Int? { node < 0 ? nil : Int(node) }

    private static let elementNames = NameTable(DASHElement.allCases.map { ($0, $0.name) })
    private static let attributeNames = NameTable(DASHAttribute.allCases.map { ($0, $0.name) })
}

/// Names that are known, to be found by a C string.
private struct NameTable<Value: Sendable>: Sendable {
    private struct Entry {
        let count: Int
        let first: UInt8
        let name: StaticString
        let value: Value
    }

    private let entries: [Entry]

    init(_ entries: [(Value, StaticString)]) {
        self.entries = entries.map { value, name in
            Entry(
                count: name.utf8CodeUnitCount, first: name.utf8Start[0], name: name, value: value)
        }
    }

    func value(of name: UnsafePointer<UInt8>) -> Value? {
        let count = strlen(UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self))
        return entries.first {
            $0.count == count && $0.first == name[0] && memcmp($0.name.utf8Start, name, count) == 0
        }?.value
    }
}

/// An element of a document.
struct XMLElement {
    fileprivate let document: XMLDocument
    fileprivate let index: Int

    var name: DASHElement { document.name(of: index) }

    /// The attribute of a name.
    subscript(_ attribute: DASHAttribute) -> String? {
        bytes(attribute).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The attribute of a name, as bytes.
    func bytes(_ attribute: DASHAttribute) -> ArraySlice<UInt8>? {
        document.value(attribute, of: index)
    }

    /// The attribute as a whole number.
    func number(_ attribute: DASHAttribute) -> Int? {
        bytes(attribute).flatMap { PlaylistNumber.whole($0) }
    }

    /// The text in it, without the spaces around it; `nil` where it is too long.
    var text: ArraySlice<UInt8>? { document.text(of: index) }

    /// The elements in it of a name, in order.
    func children(_ name: DASHElement) -> [XMLElement] {
        var found: [XMLElement] = []
        var next = document.first(in: index)
        while let child = next {
            if document.name(of: child) == name {
                found.append(XMLElement(document: document, index: child))
            }
            next = document.next(after: child)
        }
        return found
    }

    /// The first element in it of a name.
    func child(_ name: DASHElement) -> XMLElement? {
        var next = document.first(in: index)
        while let child = next {
            if document.name(of: child) == name {
                return XMLElement(document: document, index: child)
            }
            next = document.next(after: child)
        }
        return nil
    }
}
