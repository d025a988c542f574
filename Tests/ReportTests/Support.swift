// What the tests of the report store share: benign alerts, temporary directories that vanish
// whatever happens, and small tmpfs file systems to fill.
//
// Ids and times are fixed, so that a failure repeats. The tmpfs needs the right to mount; tests
// that use it say so and are skipped without it. Unmounting is lazy, so that a file that is still
// open cannot leave the mount behind.

import Foundation
import Match
import Report
import Testing

let noon: Int64 = 1_750_000_000_000

/// Alert ids that differ and are the same in each run.
struct Counter: RandomNumberGenerator {
    var value: UInt64
    mutating func next() -> UInt64 {
        value &+= 1
        return value
    }
}

func makeID(_ number: Int) -> AlertID {
    var random = Counter(value: UInt64(number) * 2)
    return AlertID(unixMilliseconds: UInt64(noon), using: &random)
}

func makeAlert(
    _ number: Int, set: String = "birds", input: String = "/clips/a.mp4", distance: Int = 12
) -> Alert {
    Alert(
        id: makeID(number), input: input,
        known: KnownReference(set: set, item: "bird-\(number)", category: "benign"),
        firstSeen: 1.5, lastSeen: 9.25, framesMatched: 3, knownShare: 0.5,
        bestDistance: distance, variant: "original", rule: "video-default")
}

/// Runs `body` with the path of a new directory, which is removed afterwards with all in it.
let testComposer = EventComposer(
    origin: EventOrigin(host: "host.example", vigilVersion: "1"),
    policy: EventPolicy(name: "test", version: "1"))

/// What the queue needs of a store.
typealias QueueStore = DeliveryStore & ReportStore

extension DeliveryStore {
    /// Moves a report on its way to the one endpoint `a`, to which all go.
    func apply(
        _ event: ReportEvent, to id: AlertID, at unixMilliseconds: Int64, error: String?,
        nextAttempt: Int64?
    ) throws -> QueuedReport {
        if try deliveries(of: id).isEmpty { _ = try take(turn(), at: noon) }
        return try apply(
            DeliveryStep(event, id, to: "a", error: error, nextAttempt: nextAttempt),
            at: unixMilliseconds)
    }

    /// Has all that is queued end so.
    func settle(_ event: ReportEvent = .succeeded) throws {
        _ = try take(turn(), at: noon)
        let due = try take(turn(wants: ["a": 10_000]), at: noon)
        let steps = due.map { DeliveryStep(event, $0.report, to: "a", error: "no") }
        _ = try take(turn(steps: steps), at: noon)
    }

    func turn(wants: [String: Int] = [:], steps: [DeliveryStep] = []) -> DeliveryTurn {
        var turn = DeliveryTurn(route: { _ in ["a"] }, composer: testComposer)
        turn.mostRouted = 10_000
        turn.wants = wants
        turn.steps = steps
        return turn
    }
}

func withDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    let path = NSTemporaryDirectory() + "vigil-report-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
}

func mode(of path: String) throws -> Int {
    let facts = try FileManager.default.attributesOfItem(atPath: path)
    return try #require(facts[.posixPermissions] as? NSNumber).intValue
}

/// The error that `body` throws, which has to be a `ReportError`.
func reportError<Result>(_ body: () throws -> Result) throws -> ReportError {
    do {
        _ = try body()
    } catch let error as ReportError {
        #expect(!error.message.contains("\n"))
        return error
    }
    throw Expected("a ReportError, but nothing was thrown")
}

struct Expected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A small file system in memory.
enum Tmpfs {
    /// Whether this process may mount; false in most containers and for most users.
    static let isPermitted: Bool = {
        let answer = try? withDirectory { path in try mounted(path, kibibytes: 64) { true } }
        return answer ?? false
    }()

    /// Mounts a tmpfs on `path` while `body` runs.
    static func mounted<Result>(
        _ path: String, kibibytes: Int, _ body: () throws -> Result
    ) throws -> Result {
        try mount(["-t", "tmpfs", "-o", "size=\(kibibytes)k", "tmpfs", path])
        defer { try? run("umount", ["-l", path]) }
        return try body()
    }

    static func resize(_ path: String, kibibytes: Int) throws {
        try mount(["-o", "remount,size=\(kibibytes)k", path])
    }

    private static func mount(_ arguments: [String]) throws { try run("mount", arguments) }

    private static func run(_ tool: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [tool] + arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Expected("\(tool) to succeed") }
    }
}
