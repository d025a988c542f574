// The module's one error type. A message says what went wrong in words that a person at a terminal
// can use; the caller adds which input it was.

internal import CFFmpeg
internal import Glibc

/// Why an input could not be opened, read or decoded.
public struct DecodeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure that a caller treats differently.
    public enum Code: Sendable, Hashable {
        /// There is nothing at the path or URL.
        case notFound
        /// The file may not be read.
        case permission
        /// The input leads to what it may not: the egress policy says so, or it is a playlist in
        /// disguise.
        case refused
        /// The content is in no format that holds pictures.
        case notMedia
        /// It is media, but there is nothing to look at in it: audio or subtitles only.
        case noVideo
        /// The format is known, its content is damaged.
        case damaged
        /// A codec, pixel format or size that this build cannot or may not decode.
        case unsupported
        /// Reading stalled for longer than the limit.
        case timedOut
        /// The run was asked to stop.
        case cancelled
        /// Reading failed.
        case io
    }

    /// The kind of failure.
    public let code: Code
    /// One line for people, without the input's name.
    public let message: String
    /// Video tracks of the input, where it could be opened and only one track could not.
    public private(set) var trackCount: Int?

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    func withTracks(_ count: Int) -> DecodeError {
        var error = self
        error.trackCount = count
        return error
    }

    /// The message.
    public var description: String { message }

    /// An error of a libav* call.
    /// - Parameter doing: what was being done, for instance "cannot open".
    init(status: CInt, doing: String, interrupt: Interrupt) {
        if let reason = interrupt.reason {
            self = reason
            return
        }
        let text = Self.text(ofStatus: status)
        switch status {
        case -ENOENT: self.init(.notFound, "no such file")
        case -EACCES, -EPERM: self.init(.permission, "permission denied")
        case -EISDIR: self.init(.notMedia, "is a directory")
        case vigil_AVERROR_INVALIDDATA: self.init(.damaged, "\(doing): damaged or incomplete data")
        case vigil_AVERROR_PROTOCOL_NOT_FOUND:
            self.init(.unsupported, "\(doing): this kind of URL is not allowed or not supported")
        case vigil_AVERROR_DECODER_NOT_FOUND, vigil_AVERROR_PATCHWELCOME:
            self.init(.unsupported, "\(doing): \(text)")
        case vigil_AVERROR_EOF: self.init(.damaged, "\(doing): the data ends too early")
        default: self.init(.io, "\(doing): \(text)")
        }
    }

    private static func text(ofStatus status: CInt) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            guard let base = buffer.baseAddress, av_strerror(status, base, buffer.count) == 0 else {
                return "error \(status)"
            }
            return String(cString: base)
        }
    }
}
