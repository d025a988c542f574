// Tables of the audit log.
//
// Records are a rowid table, so that a new one is appended to the last page. The triggers refuse
// what no program of this project does; they are a help against mistakes, not against whoever has
// the file, against whom there are the chain and the signed heads. `audit_settings` finds the last
// settings that were recorded without reading the log, and costs other records nothing.

enum SQLiteAuditSchema {
    static let v4 = """
        CREATE TABLE audit (
            number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),
            at_ms INTEGER NOT NULL CHECK (at_ms >= 0),
            kind TEXT NOT NULL CHECK (length(kind) > 0),
            actor TEXT NOT NULL CHECK (length(actor) > 0),
            subject TEXT,
            salt BLOB,
            subject_digest BLOB NOT NULL CHECK (length(subject_digest) = 32),
            detail TEXT NOT NULL CHECK (length(detail) BETWEEN 2 AND 2048),
            previous BLOB NOT NULL CHECK (length(previous) = 32),
            hash BLOB NOT NULL CHECK (length(hash) = 32),
            CHECK ((subject IS NULL) = (salt IS NULL))
        );
        CREATE INDEX audit_subject ON audit (subject, number) WHERE subject IS NOT NULL;
        CREATE INDEX audit_settings ON audit (kind, subject, number)
            WHERE kind IN ('configuration.changed', 'known.changed');

        CREATE TRIGGER audit_follows BEFORE INSERT ON audit
        WHEN NEW.number IS NOT (SELECT IFNULL(MAX(number), 0) + 1 FROM audit)
        BEGIN SELECT RAISE(ABORT, 'an audit record must follow the last one'); END;

        CREATE TRIGGER audit_stays BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'audit records are not deleted'); END;

        CREATE TRIGGER audit_is_fixed BEFORE UPDATE ON audit
        WHEN NEW.subject IS NOT NULL OR NEW.salt IS NOT NULL
            OR NEW.number IS NOT OLD.number OR NEW.at_ms IS NOT OLD.at_ms
            OR NEW.kind IS NOT OLD.kind OR NEW.actor IS NOT OLD.actor
            OR NEW.subject_digest IS NOT OLD.subject_digest OR NEW.detail IS NOT OLD.detail
            OR NEW.previous IS NOT OLD.previous OR NEW.hash IS NOT OLD.hash
        BEGIN SELECT RAISE(ABORT, 'of an audit record only the subject can be erased'); END;

        CREATE TABLE audit_heads (
            number INTEGER NOT NULL CHECK (number >= 1),
            at_ms INTEGER NOT NULL CHECK (at_ms >= 0),
            hash BLOB NOT NULL CHECK (length(hash) = 32),
            public_key BLOB NOT NULL CHECK (length(public_key) = 32),
            signature BLOB NOT NULL CHECK (length(signature) = 64),
            PRIMARY KEY (number, at_ms)
        ) WITHOUT ROWID;

        CREATE TRIGGER audit_heads_stay BEFORE DELETE ON audit_heads
        BEGIN SELECT RAISE(ABORT, 'signed heads are not deleted'); END;
        CREATE TRIGGER audit_heads_are_fixed BEFORE UPDATE ON audit_heads
        BEGIN SELECT RAISE(ABORT, 'signed heads are not changed'); END;
        """
}
