// The module's one error: a code for programs, one line for people. The line says what could not
// be done, where, why, and what to do about it. It names paths and ids, never hashes or the values
// of a statement's arguments.
//
// Errors are returned, not logged: the caller at the top prints the line once.

/// Why a store could not do what it was asked.
public struct ReportError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of failure that a program may want to tell apart.
    public enum Code: String, Sendable, Codable, CaseIterable {
        /// Opened for reading, but nothing was ever stored there.
        case noDatabase = "no_database"
        /// No space is left for data or for SQLite's own files.
        case diskFull = "disk_full"
        /// The store or its file system does not allow writing.
        case readOnly = "read_only"
        /// The file is not a database, or is damaged.
        case corrupt
        /// Another process holds the database for longer than the waiting time.
        case busy
        /// The directory or a file cannot be made or opened.
        case cannotOpen = "cannot_open"
        /// Written by a newer Vigil than this one.
        case newerSchema = "newer_schema"
        /// Written by an older Vigil and opened for reading, so it cannot be brought up to date.
        case olderSchema = "older_schema"
        /// Reading or writing the disk failed.
        case inputOutput = "input_output"
        /// No report or alert has this id.
        case notFound = "not_found"
        /// The alert has ended and cannot change any more.
        case alertClosed = "alert_closed"
        /// The alert of this id is about another input or another known item.
        case conflict
        /// The report's state does not allow the event.
        case forbiddenTransition = "forbidden_transition"
        /// There are as many as are kept.
        case full
        /// A value that may not be stored, for instance a distance over 256.
        case invalidValue = "invalid_value"
        /// Anything else: a fault in Vigil.
        case `internal`
    }

    /// The kind of failure.
    public let code: Code
    /// One line: what failed, where, why, what to do.
    public let message: String

    /// The message.
    public var description: String { message }

    /// Makes an error of a code and its whole line.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Composes the line of its four parts.
    package init(_ code: Code, doing what: String, at place: String, why: String, fix: String) {
        self.init(code, "cannot \(what) in \(place): \(why); \(fix)")
    }
}
