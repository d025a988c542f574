// Reports to a command: the payload on standard input, accepted when it exits with 0.
//
// Invariants: the command is run directly, by no shell; it gets nothing of the service's environment
// but PATH, HOME and LANG; it is killed after 20 seconds. What it prints is thrown away.

internal import Foundation
internal import Glibc
internal import Match
internal import Report
internal import Synchronization

/// Runs a command for each report.
struct CommandSink: DeliverySink {
    /// The program's path and its arguments.
    let command: [String]
    let rendering: EventRendering

    private static let limitSeconds = 20.0

    func send(_ delivery: DueDelivery) async -> SendResult {
        let body: [UInt8]
        do { body = try rendering.render(delivery.body, id: delivery.report).body } catch {
            return .failed("\(error)")
        }
        return await withCheckedContinuation { continuation in
            // A thread of its own, as for everything that waits for another process.
            Thread.detachNewThread {
                continuation.resume(returning: Self.run(command, delivery, body))
            }
        }
    }

    private static func run(
        _ command: [String], _ delivery: DueDelivery, _ body: [UInt8]
    ) -> SendResult {
        let process = Process()
        process.executableURL = URL(filePath: command[0])
        process.arguments = Array(command.dropFirst())
        let inherited = ProcessInfo.processInfo.environment
        var environment = inherited.filter { ["PATH", "HOME", "LANG"].contains($0.key) }
        environment["VIGIL_EVENT_ID"] = delivery.report.description
        environment["VIGIL_EVENT_TYPE"] = delivery.event
        process.environment = environment
        let input = Pipe()
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        // Signalled when the command ends; waited for on the thread that was made for it.
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        do { try process.run() } catch { return .failed("the command cannot be started") }
        try? input.fileHandleForReading.close()
        // A payload is smaller than what a pipe holds, so this never waits for the command.
        try? input.fileHandleForWriting.write(contentsOf: Data(body))
        try? input.fileHandleForWriting.close()
        // This thread was made to wait.
        guard ended.wait(timeout: .now() + limitSeconds) == .success else {
            kill(process.processIdentifier, SIGKILL)
            _ = ended.wait(timeout: .now() + 5)
            return .failed("the command did not end within 20 s")
        }
        guard process.terminationReason == .exit else {
            return .failed("the command was ended by signal \(process.terminationStatus)")
        }
        return process.terminationStatus == 0
            ? .accepted : .failed("the command exited with \(process.terminationStatus)")
    }
}
