// From what GRDB and SQLite report to the module's error. SQLite's own text is used only where it
// adds something, and never a statement or its arguments.
//
// A full disk has three faces: SQLITE_FULL when a page cannot be written, SQLITE_IOERR when the
// -shm file cannot grow, SQLITE_CANTOPEN when a file cannot be made. GRDB does not hand out the
// system's error number, so for the last two the free space decides.

import GRDB

extension ReportError {
    /// Wraps whatever was thrown while working on the database.
    init(_ error: any Error, doing what: String, in state: StateDirectory) {
        switch error {
        case let error as ReportError: self = error
        case let error as DatabaseError: self.init(error, doing: what, in: state)
        default:
            self.init(
                .internal, doing: what, at: state.database, why: "\(error)",
                fix: "please report this as a fault in Vigil")
        }
    }

    private init(_ error: DatabaseError, doing what: String, in state: StateDirectory) {
        let code = Code(error, full: { state.isFull })
        let (why, fix) = Self.explanation(code, error)
        self.init(code, doing: what, at: state.database, why: why, fix: fix)
    }

    private static func explanation(_ code: Code, _ error: DatabaseError) -> (String, String) {
        let words = (error.message ?? "no reason given")
            .split(whereSeparator: \.isNewline).joined(separator: " ")
        let detail = "\(words) (SQLite code \(error.extendedResultCode.rawValue))"
        return switch code {
        case .diskFull:
            ("no space is left on its file system", "free space and try again; nothing was stored")
        case .readOnly:
            ("it is read-only", "open it for writing, or allow this user to write it")
        case .corrupt:
            (
                "it is damaged or not a database: \(detail)",
                "move it away but keep it, sqlite3's .recover may save its alerts"
            )
        case .busy:
            ("another process holds it", "try again when that process has finished")
        case .cannotOpen:
            ("it cannot be opened: \(detail)", "check that this user may use it and its directory")
        case .inputOutput:
            ("the disk failed: \(detail)", "check the disk and the system's log, then try again")
        case .invalidValue:
            ("a value may not be stored: \(detail)", "this is a fault in what made the alert")
        default:
            ("\(detail)", "please report this as a fault in Vigil")
        }
    }
}

extension ReportError.Code {
    fileprivate init(_ error: DatabaseError, full: () -> Bool) {
        if error.extendedResultCode == .SQLITE_IOERR_CORRUPTFS {
            self = .corrupt
            return
        }
        self =
            switch error.resultCode {
            case .SQLITE_FULL: .diskFull
            case .SQLITE_IOERR: full() ? .diskFull : .inputOutput
            case .SQLITE_CANTOPEN: full() ? .diskFull : .cannotOpen
            case .SQLITE_PERM, .SQLITE_AUTH: .cannotOpen
            case .SQLITE_READONLY: .readOnly
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: .corrupt
            case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL: .busy
            case .SQLITE_CONSTRAINT, .SQLITE_MISMATCH, .SQLITE_TOOBIG: .invalidValue
            default: .internal
            }
    }
}
