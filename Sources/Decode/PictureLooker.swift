// Who looks at the pictures that a FrameSource finds, and how the two talk.
//
// Looking is what is done with a picture before it is known whether it can be compared: hashing,
// above all. It may happen beside the reader, on other threads, and out of order; what it gives is
// settled in the order in which the pictures were found. So a source reads ahead of what it knows,
// and takes back what it read too far (LookAhead).

/// What came of the oldest of what was given and is not settled: a picture, or all pictures of a
/// group.
public enum Looked: ~Copyable {
    /// It was looked at.
    case seen(isUsable: Bool)
    /// It could not be decoded beside the reader.
    case handedBack(Coded)
}

/// Looks at pictures, in part beside the reader, and keeps them in order until they are settled.
///
/// A group counts as one.
public protocol PictureLooker: ~Copyable {
    /// Pictures that were given and neither accepted nor taken back.
    var waiting: Int { get }
    /// Most pictures that should be waiting.
    var mostWaiting: Int { get }
    /// Whether one more can be looked at beside the reader now.
    var hasRoom: Bool { get }
    /// Whether `oldest` would return at once.
    var isOldestReady: Bool { get }

    /// Begins to decode and to look at what that gives, beside the reader where there is room.
    mutating func begin(_ coded: consuming Coded)
    /// Begins to look at a picture, beside the reader where there is room.
    mutating func begin(_ picture: consuming LumaFrame)
    /// Waits for the oldest picture and says what came of it.
    mutating func oldest() -> Looked
    /// Puts the picture that the reader decoded itself in the place of the one handed back, and
    /// looks at it.
    mutating func replaceOldest(with picture: consuming LumaFrame)
    /// Hands on what the oldest picture gave.
    /// - Parameter number: its number as a sample; `nil` where the picture came with its number.
    /// - Returns: number of pictures.
    mutating func acceptOldest(number: Int?) -> Int
    /// Drops the oldest picture.
    mutating func dropOldest()
    /// Drops the newest pictures.
    mutating func dropNewest(_ count: Int)
}
