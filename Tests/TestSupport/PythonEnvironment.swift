// Virtual environments of Python in .build, for tests that compare Vigil with what others wrote.
// Each is made once, with packages of fixed versions from PyPI.

import Foundation
import Synchronization

/// A virtual environment with some packages.
package struct PythonEnvironment: Sendable {
    /// Its folder.
    package let path: String

    /// A program in it, for instance `python`.
    package func program(_ name: String) -> String { "\(path)/bin/\(name)" }

    private static let making = Mutex(())

    /// Finds or makes it.
    /// - Parameters:
    ///   - name: of its folder below .build.
    ///   - packages: as pip takes them, with versions.
    /// - Returns: `nil`, with a message, where the packages cannot be had.
    package static func find(_ name: String, _ packages: [String]) throws -> PythonEnvironment? {
        try making.withLock { _ in
            let environment = PythonEnvironment(path: "\(root)/.build/\(name)")
            // Written last, so that what was broken off is made again.
            let mark = "\(environment.path)/installed"
            let wanted = packages.joined(separator: "\n")
            if (try? String(contentsOfFile: mark, encoding: .utf8)) == wanted {
                return environment
            }
            let isMade =
                try run("python3", ["-m", "venv", environment.path])
                && run(
                    environment.program("pip"),
                    ["install", "--quiet", "--disable-pip-version-check"] + packages)
            guard isMade else {
                print("skipped: \(packages.joined(separator: ", ")) cannot be installed from PyPI")
                return nil
            }
            try wanted.write(toFile: mark, atomically: true, encoding: .utf8)
            return environment
        }
    }

    /// The checkout.
    package static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    private static func run(_ program: String, _ arguments: [String]) throws -> Bool {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["timeout", "-k", "5", "240", program] + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
