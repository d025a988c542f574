// A small XML document from a stranger, read-only.
//
// libxml2 reads it with its own limits on depth and length (no "huge"), fetches nothing, and puts
// nothing in the place of entities; a document with a document type is refused whole, since no
// manifest has one, and it is UTF-8 whatever it says. Names are without prefixes, in which manifests
// differ.

internal import CXML2

/// A document; its elements are valid inside `read` only.
struct XMLDocument: ~Copyable {
    private let document: xmlDocPtr

    private static let isReady: Void = xmlInitParser()

    /// Longest element's start with the text after it, bytes.
    ///
    /// The library compares each attribute of an element with all others of it.
    private static let longestTag = 16_384

    /// Parses a text; `nil` where it is no XML or is refused.
    init?(_ text: [UInt8]) {
        guard Self.hasShortTags(text) else { return nil }
        _ = Self.isReady
        let options = CInt(
            XML_PARSE_NONET.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue
                | XML_PARSE_NOCDATA.rawValue | XML_PARSE_COMPACT.rawValue)
        let parsed = text.withUnsafeBytes { bytes in
            vigil_xml_read(
                bytes.bindMemory(to: CChar.self).baseAddress, CInt(clamping: bytes.count), options)
        }
        guard let parsed else { return nil }
        guard parsed.pointee.intSubset == nil, parsed.pointee.extSubset == nil else {
            xmlFreeDoc(parsed)
            return nil
        }
        document = parsed
    }

    deinit { xmlFreeDoc(document) }

    /// Counts from one "<" to the next, since there is none in an attribute.
    private static func hasShortTags(_ text: [UInt8]) -> Bool {
        var length = 0
        for byte in text {
            length = byte == UInt8(ascii: "<") ? 0 : length + 1
            if length > longestTag { return false }
        }
        return true
    }

    /// Lends the root; no element may be kept.
    func read<Result>(_ body: (XMLElement) -> Result?) -> Result? {
        guard let root = xmlDocGetRootElement(document) else { return nil }
        return body(XMLElement(node: root))
    }
}

/// An element of a document that is being read.
struct XMLElement {
    fileprivate let node: xmlNodePtr

    /// Longest attribute or text that is taken, bytes.
    private static let longest = 4000
    /// Most child elements that are looked at.
    private static let mostChildren = 50_000

    /// The name without a prefix.
    var name: String { Self.text(node.pointee.name) }

    /// The attribute of a name.
    subscript(_ attribute: String) -> String? {
        guard let value = xmlGetNoNsProp(node, attribute) else { return nil }
        defer { vigil_xml_free(value) }
        return Self.checked(value)
    }

    /// The attribute as a whole number.
    func number(_ attribute: String) -> Int? {
        self[attribute].flatMap { PlaylistNumber.whole($0) }
    }

    /// The text in it, without the spaces around it.
    var text: String? {
        guard let value = xmlNodeGetContent(node) else { return nil }
        defer { vigil_xml_free(value) }
        guard let text = Self.checked(value) else { return nil }
        let isSpace: (UInt8) -> Bool = { $0 <= 0x20 }
        var bytes = text.utf8.drop(while: isSpace)
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        return String(bytes)
    }

    /// The elements in it of a name, in order.
    func children(_ name: String) -> [XMLElement] {
        var found: [XMLElement] = []
        var looked = 0
        var next = node.pointee.children
        while let child = next, looked < Self.mostChildren {
            next = child.pointee.next
            guard child.pointee.type == XML_ELEMENT_NODE else { continue }
            looked += 1
            if xmlStrEqual(child.pointee.name, name) != 0 { found.append(XMLElement(node: child)) }
        }
        return found
    }

    /// The first element in it of a name.
    func child(_ name: String) -> XMLElement? { children(name).first }

    private static func text(_ value: UnsafePointer<xmlChar>?) -> String {
        value.map { String(decodingCString: $0, as: UTF8.self) } ?? ""
    }

    private static func checked(_ value: UnsafePointer<xmlChar>) -> String? {
        guard xmlStrlen(value) <= CInt(longest) else { return nil }
        return text(value)
    }
}
