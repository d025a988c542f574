// Deliveries when things go wrong: the service is killed again and again, the receiver fails and
// hangs, the disk is full. What was acknowledged arrives.

import Foundation
import TestSupport
import Testing

extension ServiceAsUsed {
    @Suite struct DeliveryTroubleTests {
        private let bed: DeliveryPlace

        init() throws { bed = try DeliveryPlace() }

        /// The seed of the moments at which the service is killed.
        private static let seed: UInt64 = 6
        private static let kills = 50
        private static let alerts = 20_000

        @Test func nothingIsLostHoweverOftenItIsKilled() throws {
            let port = try Loopback.freePort()
            try bed.receive(
                on: port, "--fail-share", "0.3", "--hang-share", "0.002", "--hang-s", "2",
                "--seed", "\(Self.seed)")
            let delivery = """
                  retry_s: [\(Array(repeating: "0", count: 50).joined(separator: ", "))]
                  endpoints:

                """ + bed.endpoint("one", port: port, "      concurrency: 32")
            var random = SeededGenerator(seed: Self.seed)
            var raised: [String] = []
            for _ in 0..<Self.kills {
                try bed.serve(delivery)
                raised += try bed.raise(Self.alerts / Self.kills)
                // So that it is killed before, while and after it delivers.
                usleep(UInt32.random(in: 0...300_000, using: &random))
                bed.killService()
            }
            #expect(Set(raised).count == Self.alerts)
            try bed.serve(delivery)
            let isDone = try wait(240) { try bed.taken().isSuperset(of: raised) }
            let missing = Set(raised).subtracting(try bed.taken())
            #expect(isDone, "\(missing.count) alerts did not arrive: \(bed.service?.output ?? "")")
            var bodies: [String: Set<String>] = [:]
            for line in try bed.received() { bodies[line.id, default: []].insert(line.bodyDigest) }
            #expect(bodies.values.allSatisfy { $0.count == 1 }, "an id with two bodies")
            #expect(Set(bodies.keys) == Set(raised), "nothing arrives that was not raised")
            let isSettled = try wait(60) {
                try bed.standing()
                    == "one: \(Self.alerts) delivered\n"
            }
            let standing = try bed.standing()
            #expect(isSettled, "\(standing)")
            let audit = try bed.place.vigil("audit", "verify", "--state", bed.state)
            #expect(audit.status == 0, "\(audit.output)\(audit.error)")
        }

        @Test(.enabled("needs the right to mount a tmpfs") { BadInputTests.canMount })
        func aFullDiskLosesNothingThatWasAcknowledged() throws {
            let mount = bed.place.file("state")
            func mounted(_ size: Int, _ options: String) throws {
                let result = try Program.run(
                    "mount", ["-t", "tmpfs", "-o", "\(options)size=\(size)m", "tmpfs", mount])
                try #require(result.status == 0, "\(result.error)")
            }
            try FileManager.default.createDirectory(
                atPath: mount, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
            try mounted(16, "")
            defer {
                bed.stopService()
                _ = try? Program.run("umount", ["-l", mount])
            }
            let port = try Loopback.freePort()
            try bed.serve("  endpoints:\n" + bed.endpoint("one", port: port))
            // Nobody receives, so that it is the reports that fill the disk.
            let full = try bed.place.vigil(
                "report", "test", "--alerts", "20000", "--batch", "20", "--state", bed.state)
            #expect(full.status == 2 && full.error.contains("no space is left"), "\(full.error)")
            let kept = full.output.split(separator: "\n").map(String.init)
            try #require(kept.count > 100)
            try bed.receive(on: port)
            #expect(
                wait(30) {
                    bed.service?.output.contains("nothing is delivered for now") == true
                },
                "\(bed.service?.output ?? "")")
            try mounted(64, "remount,")
            #expect(
                try wait(120) { try bed.taken() == Set(kept) }, "\(bed.service?.output ?? "")")
            let audit = try bed.place.vigil("audit", "verify", "--state", bed.state)
            #expect(audit.status == 0, "\(audit.output)\(audit.error)")
        }
    }
}
