// Every playlist of a stream passes here on its way to the library, which then knows of one rendition
// only, and opens nothing else.

/// Rewrites the playlists of one connection; the choice is the same each time they are loaded.
package final class RenditionRewriter: Sendable {
    private let choice: RenditionChoice
    private let attempt: Int

    /// - Parameter attempt: connections that failed before this one in a row: of renditions and
    ///   servers that are as good as each other the next is tried.
    package init(_ choice: RenditionChoice, attempt: Int = 0) {
        self.choice = choice
        self.attempt = attempt
    }

    /// A text as the library is to see it: a master with one variant, any other as it is.
    /// - Parameter url: where it came from.
    package func rewritten(_ text: [UInt8], url: String) -> [UInt8] {
        HLSMaster(text)?.written(choice, attempt: attempt) ?? text
    }
}
