// Watches between hooks, the store and the live run, with readers that connect to nothing and a media
// server that the test makes.

import Foundation
import Logging
import Match
import Report
import Run
import Serve
import Synchronization
import Testing

@Suite struct StreamDeskTests {
    @Test func aTurnedAwayPublisherEndsNoWatch() async throws {
        try await withBed { bed in
            bed.server.answer { true }
            let id = try await bed.publish("1")
            _ = try await bed.publish("2")
            try await bed.desk.unpublished(id, by: StreamPublisher(id: "2", peer: nil))
            await bed.sweep(inSeconds: 40)
            #expect(bed.server.questions == 1)
            #expect(try bed.isWatched(id) && bed.desk.count == 1)
            try await bed.desk.unpublished(id, by: StreamPublisher(id: "1", peer: nil))
            bed.server.answer { false }
            await bed.sweep(inSeconds: 80)
            #expect(try bed.store.stream(id)?.endReason == "its publisher ended")
            #expect(bed.desk.count == 0)
        }
    }

    @Test func whoComesBackWhileTheServerIsAskedIsWatched() async throws {
        try await withBed { bed in
            let id = try await bed.publish("1")
            try await bed.desk.unpublished(id, by: StreamPublisher(id: "1", peer: nil))
            bed.server.answer {
                _ = try? await bed.publish("2")
                return false
            }
            await bed.sweep(inSeconds: 40)
            #expect(bed.server.questions == 1)
            #expect(try bed.isWatched(id) && bed.desk.status(of: id) != nil)
        }
    }

    @Test func withoutAServerToAskTimeDecides() async throws {
        try await withBed { bed in
            let id = try await bed.publish("1")
            try await bed.desk.unpublished(id, by: StreamPublisher(id: "1", peer: nil))
            await bed.sweep(after: 20)
            #expect(try bed.isWatched(id))
            await bed.sweep(inSeconds: 40)
            #expect(try !bed.isWatched(id))
        }
    }

    @Test func hooksEndOnlyWhatHooksAskedFor() async throws {
        try await withBed { bed in
            var asked = bed.request("1")
            (asked.place, asked.isKept) = (nil, true)
            let id = try await bed.desk.add(asked).stream.id
            #expect(try await bed.publish("1") == id)
            try await bed.desk.unpublished(id, by: StreamPublisher(id: "1", peer: nil))
            bed.server.answer { false }
            await bed.sweep(after: 5000)
            #expect(try bed.isWatched(id) && bed.store.stream(id)?.place?.path == "live/one")
            #expect(bed.server.questions == 0)
            // The other way round: what somebody else wants too stays as well.
            let other = try await bed.publish("2", "two")
            var wanted = bed.request("2", "two")
            (wanted.place, wanted.isKept) = (nil, true)
            #expect(try await bed.desk.add(wanted).stream.id == other)
            await bed.sweep(after: 5000)
            #expect(try bed.isWatched(other))
        }
    }

    @Test func whatATrustedServerAnnouncesIsReadByItsRules() async throws {
        try await withBed { bed in
            var asked = bed.request("1")
            (asked.place, asked.isKept, asked.isTrusted) = (nil, true, false)
            // A name, of which only connecting tells where it leads.
            asked.address = "tcp://localhost:1/live/one"
            let id = try await bed.desk.add(asked).stream.id
            #expect(try await bed.reason(of: id) { $0.contains("not allowed") } != nil)
            var announced = bed.request("1")
            announced.address = asked.address
            let added = try await bed.desk.add(announced)
            #expect(!added.isNew && added.stream.id == id && added.stream.isTrusted)
            #expect(try await bed.reason(of: id) { !$0.contains("not allowed") } != nil)
            #expect(try bed.store.stream(id)?.isTrusted == true)
            #expect(bed.desk.count == 1)
            // Both readings are in the ledger, of one stream.
            try await bed.desk.flush()
            #expect(try bed.store.total(of: id) != nil)
        }
    }

    @Test func whatFindsNoRoomIsWatchedLater() async throws {
        try await withBed(mostStreams: 1) { bed in
            let id = try await bed.publish("1")
            for number in ["2", "3"] {
                await #expect(throws: DeskError.self) {
                    _ = try await bed.desk.published(bed.request(number, "second"))
                }
            }
            await #expect(throws: DeskError.self) {
                _ = try await bed.desk.published(bed.request("4", "third"))
            }
            #expect(bed.desk.unwatched == 2)
            // One of two who were let publish was turned away; the third left.
            let second = StreamPlace(server: "edge", path: "live/second")
            bed.desk.unpublished(second, by: StreamPublisher(id: "3", peer: nil))
            bed.desk.unpublished(
                StreamPlace(server: "edge", path: "live/third"),
                by: StreamPublisher(id: "4", peer: nil))
            #expect(bed.desk.unwatched == 1)
            await bed.sweep(after: 20)
            #expect(bed.desk.unwatched == 1, "there is no room")
            _ = try await bed.desk.remove(id, reason: "asked")
            try await bed.waitForReaders()
            await bed.sweep(inSeconds: 40)
            #expect(bed.desk.unwatched == 0)
            let watched = try #require(try bed.store.stream(at: second))
            #expect(watched.publisher.id == "2" && bed.desk.status(of: watched.id) != nil)
        }
    }

    @Test func whatNeverComesGivesWayAndIsNotForgotten() async throws {
        try await withBed(mostStreams: 1) { bed in
            let idle = try await bed.publish("1")
            await bed.sweep(after: 100)
            #expect(try bed.isWatched(idle), "nobody waits for its place")
            _ = try? await bed.desk.published(bed.request("2", "second"))
            await bed.sweep(inSeconds: 120)
            #expect(try !bed.isWatched(idle))
            #expect(bed.desk.unwatched == 2)
            try await bed.waitForReaders()
            await bed.sweep(inSeconds: 140)
            #expect(bed.desk.unwatched == 1 && bed.desk.count == 1)
            #expect(try bed.store.isWatched(address: bed.request("2", "second").address))
        }
    }

    @Test func whatNobodyPublishesIsForgotten() async throws {
        try await withBed { bed in
            bed.server.answer { false }
            let id = try await bed.publish("1")
            await bed.sweep(after: 30)
            #expect(try bed.isWatched(id))
            await bed.sweep(inSeconds: 70)
            #expect(try bed.store.stream(id)?.endReason == "nobody published it")
            #expect(bed.desk.unwatched == 0)
        }
    }

    @Test func unwatchedPlacesAreBounded() {
        var places = UnwatchedPlaces()
        let now = ContinuousClock.now
        for number in 0..<UnwatchedPlaces.most + 10 {
            var request = StreamRequest(address: "tcp://127.0.0.1:1/\(number)")
            request.place = StreamPlace(server: "edge", path: "\(number)")
            #expect(places.add(request, at: now) == (number < UnwatchedPlaces.most))
        }
        #expect(places.count == UnwatchedPlaces.most)
        #expect(places.due(at: now, most: 16).isEmpty, "it was tried just now")
        let first = places.due(at: now + .seconds(6), most: 16).map(\.address)
        let second = places.due(at: now + .seconds(6), most: 16).map(\.address)
        #expect(first.count == 16 && Set(first).isDisjoint(with: second))
    }

    @Test func hooksWaitForNoReading() async throws {
        try await withBed { bed in
            let id = try await bed.publish("1")
            let gate = DispatchSemaphore(value: 0)
            bed.desk.readingDisk.begin { gate.wait() }
            let asked = Task { try await bed.desk.state(of: id) }
            _ = try await bed.publish("2", "two")
            try await bed.desk.unpublished(id, by: StreamPublisher(id: "1", peer: nil))
            #expect(bed.desk.count == 2)
            gate.signal()
            let state = try await asked.value
            #expect(state?.stream.id == id)
        }
    }

    @Test func absencesBeginWhereTheLedgerEnds() {
        var minute = CoverageMinute(startUnixSeconds: 1200)
        minute.examinedSeconds = 20
        minute.missedSeconds[.notConnected] = 5
        #expect(Absence.begin(after: nil, started: 1000) == 1000)
        #expect(Absence.begin(after: minute, started: 1000) == 1225)
        #expect(Absence.begin(after: minute, started: 1210) == 1235, "it began in that minute")
        minute.examinedSeconds = 90
        #expect(Absence.begin(after: minute, started: 1000) == 1260)
    }

    @Test func everySecondOfAResumedWatchIsAccountedFor() async throws {
        let folder = NSTemporaryDirectory() + "vigil-desk-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = try SQLiteStore(directory: folder)
        let now = unixMilliseconds()
        let streams = (0..<200).map { number in
            WatchedStream(
                id: StreamID(newID()), address: "tcp://127.0.0.1:1/\(number)", name: "one",
                isTrusted: true, startedUnixMilliseconds: now - 600_000)
        }
        for stream in streams {
            _ = try store.add(stream)
            // The minutes before were erased: only this one is left.
            var minute = CoverageMinute(startUnixSeconds: (now / 60_000 - 3) * 60)
            minute.examinedSeconds = 60
            try store.record([
                CoverageEntry(
                    stream: stream.id, sessionUnixMilliseconds: now - 600_000, minute: minute)
            ])
        }
        let bed = try DeskBed(folder: folder, mostStreams: 1000)
        let before = unixMilliseconds()
        #expect(try await bed.desk.resume() == streams.count)
        let after = unixMilliseconds()
        try await bed.desk.close()
        let ledgerEnd = Double((now / 60_000 - 2) * 60)
        for stream in streams {
            let tracked = try #require(bed.desk.status(of: stream.id)).coverage.seconds
            let total = try #require(try store.total(of: stream.id)).seconds
            // All but what was there and what was told since it is read.
            let begun = (ledgerEnd + total - 60 - tracked) * 1000
            #expect(begun > Double(before) - 1 && begun < Double(after) + 1)
            let minutes = try store.minutes(of: stream.id, in: 0..<Int64.max, limit: 100)
            for minute in minutes.dropLast() {
                #expect(abs(minute.seconds - 60) < 1, "\(minute)")
            }
        }
    }

    @Test func whatFelledTheServiceWaitsAndIsReadAgain() async throws {
        let folder = NSTemporaryDirectory() + "vigil-desk-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = try SQLiteStore(directory: folder)
        let id = StreamID(newID())
        _ = try store.add(
            WatchedStream(
                id: id, address: "tcp://127.0.0.1:1/live/one", name: "one", isTrusted: true,
                place: StreamPlace(server: "edge", path: "live/one"),
                startedUnixMilliseconds: unixMilliseconds() - 600_000))
        var remains = JournalRemains()
        remains.end = .fell
        remains.crashed = JournalRemains.Act(stream: id, isLooking: false, lasted: 1)
        for falls in 1...2 {
            let bed = try DeskBed(folder: folder, mostStreams: 1, remains: remains)
            func isWaiting() -> Bool {
                guard case .heldBack? = bed.desk.status(of: id)?.connection else { return false }
                return true
            }
            _ = try await bed.desk.resume()
            #expect(isWaiting() && bed.desk.heldBack == falls - 1)
            // No hook releases it, it keeps its place, and nobody takes it to be away.
            #expect(try await bed.publish("1") == id)
            // The first time it waits for seconds only, which a slow machine may take.
            if falls > 1 { await bed.sweep(inSeconds: 5000) }
            #expect(try isWaiting() && bed.isWatched(id) && bed.desk.readers == 1)
            try await bed.desk.flush()
            let minute = try #require(try store.total(of: id))
            #expect((minute.missedSeconds[.notRunning] ?? 0) > 590)
            let next = try #require(try store.suspicions().first).nextUnixMilliseconds
            try bed.desk.resumeDue(at: next - 1)
            #expect(isWaiting(), "too early")
            try bed.desk.resumeDue(at: next)
            #expect(!isWaiting() && bed.desk.status(of: id) != nil && bed.desk.heldBack == 0)
            #expect(try store.suspicions().map(\.isOnProbation) == [true])
            try await bed.desk.close()
            #expect(try store.suspicions().map(\.falls) == [falls])
        }
        // Somebody who may asks for it again.
        let bed = try DeskBed(folder: folder, mostStreams: 1, remains: remains)
        _ = try await bed.desk.resume()
        #expect(bed.desk.heldBack == 1)
        var asked = bed.request("1")
        (asked.place, asked.isKept) = (nil, true)
        #expect(try await bed.desk.add(asked).stream.id == id)
        #expect(bed.desk.heldBack == 0 && bed.desk.count == 1)
        try await bed.desk.close()
    }

    @Test func whoIsOnRecordIsWhoIsLeft() async throws {
        try await withBed { bed in
            let id = try await bed.publish("1")
            _ = try await bed.publish("2")
            #expect(try bed.store.stream(id)?.publisher.id == "2", "nothing was there")
            try await bed.desk.unpublished(id, by: StreamPublisher(id: "2", peer: nil))
            #expect(try bed.store.stream(id)?.publisher.id == "1")
        }
    }

    private func withBed(
        mostStreams: Int = 1000, _ body: (DeskBed) async throws -> Void
    ) async throws {
        let folder = NSTemporaryDirectory() + "vigil-desk-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let bed = try DeskBed(folder: folder, mostStreams: mostStreams)
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(bed)) } catch { outcome = .failure(error) }
        try await bed.desk.close()
        try outcome.get()
    }
}

/// A media server that can be asked what the test says.
final class AskedServer: StopDriver {
    private let state = Mutex<(answer: (@Sendable () async -> Bool)?, questions: Int)>((nil, 0))

    var questions: Int { state.withLock { $0.questions } }

    func answer(_ answer: @escaping @Sendable () async -> Bool) {
        state.withLock { $0.answer = answer }
    }

    func drop(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> DropAnswer { .notThere }

    func isPublished(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> Bool? {
        let answer = state.withLock { state in
            state.questions += 1
            return state.answer
        }
        return await answer?()
    }
}

struct DeskBed: Sendable {
    let store: SQLiteStore
    let server = AskedServer()
    let desk: StreamDesk
    private let start = ContinuousClock.now

    init(
        folder: String, mostStreams: Int, remains: JournalRemains = JournalRemains()
    ) throws {
        store = try SQLiteStore(directory: folder)
        let pipeline = Pipeline()
        let run = LiveRun(
            pipeline: pipeline, index: KnownIndex([], policy: pipeline.matchPolicy), store: store
        ) { _ in }
        var settings = ServiceSettings()
        settings.mostStreams = mostStreams
        desk = StreamDesk(
            run: run, store: store,
            reading: try SQLiteStore(directory: folder, readOnly: true), settings: settings,
            servers: [MediaServer(name: "edge", driver: server)], events: EventHub(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, remains: remains)
    }

    /// A media server's hook; nothing listens at the address.
    func request(_ publisher: String, _ name: String = "one") -> StreamRequest {
        var request = StreamRequest(address: "tcp://127.0.0.1:1/live/\(name)")
        request.isTrusted = true
        request.place = StreamPlace(server: "edge", path: "live/\(name)")
        request.publisher = StreamPublisher(id: publisher, peer: nil)
        return request
    }

    func publish(_ publisher: String, _ name: String = "one") async throws -> StreamID {
        try await desk.add(request(publisher, name)).stream.id
    }

    /// Why a stream is not connected, once that is as asked for; `nil` where it never is.
    func reason(of id: StreamID, where fits: (String) -> Bool) async throws -> String? {
        for _ in 0..<400 {
            if case .waiting(let why)? = desk.status(of: id)?.connection, fits(why) { return why }
            try await Task.sleep(for: .milliseconds(25))
        }
        return nil
    }

    /// Waits until the readers of watches that are over have ended.
    func waitForReaders() async throws {
        for _ in 0..<400 {
            try await desk.flush()
            if desk.readers == desk.count { return }
            try await Task.sleep(for: .milliseconds(25))
        }
        Issue.record("readers do not end")
    }

    /// Sweeps at a time since the test began, which no hook's time is further from: nothing is too
    /// late, however slow the machine.
    func sweep(after seconds: Double) async { await desk.sweep(at: start + .seconds(seconds)) }

    /// Sweeps at a time from now, which no hook's time is nearer to: nothing is too early.
    func sweep(inSeconds seconds: Double) async { await desk.sweep(at: .now + .seconds(seconds)) }

    func isWatched(_ id: StreamID) throws -> Bool { try store.stream(id)?.isWatched ?? false }
}
