// What each thread of a service works on, noted where the end of the process cannot take it back: which
// stream a reader reads and which a core looks at. After a crash it names the stream that did it; after
// a kill, those that were worked on for suspiciously long.
//
// A file of one fixed size is mapped, with a slot for each thread. A note costs some stores, no call of
// the system and no disk; the system keeps the page however the process ends, and loses it only with
// the machine, which the boot's id tells. A crash is noted by a signal handler (CProcess) on the thread
// that it hits. Invariants: all of the file is allocated before it is mapped, so that a full disk
// cannot turn a note into a crash; what is read of an old file is checked; a service without a journal
// works as well, and suspects nobody.

internal import CProcess
internal import Dispatch
internal import Foundation
internal import Match
package import Report
internal import Synchronization

/// What the last run left.
package struct JournalRemains: Sendable, Hashable {
    /// How it ended.
    package enum End: Sendable, Hashable {
        /// There was none, or nothing is known of it.
        case unknown
        /// In order.
        case orderly
        /// It crashed or was killed.
        case fell
        /// The machine went with it: nothing of it can be believed.
        case withMachine
    }

    /// What a thread worked on.
    package struct Act: Sendable, Hashable {
        /// The stream.
        package var stream: StreamID
        /// Whether it looked at pictures, or read.
        package var isLooking: Bool
        /// Since when, seconds before the service was last seen alive; negative where it began later.
        package var lasted: Double
        /// Share of a processor that the thread took in the last second, 0…1; of readers alone.
        package var busy: Double
        /// The thread, by the system's id; it tells of nothing once the process has ended.
        package var thread: UInt32

        package init(
            stream: StreamID, isLooking: Bool, lasted: Double, busy: Double = 0,
            thread: UInt32 = 0
        ) {
            self.stream = stream
            self.isLooking = isLooking
            self.lasted = lasted
            self.busy = busy
            self.thread = thread
        }
    }

    package var end = End.unknown
    /// The signal of a crash; `nil` where it was killed, or ended in order.
    package var signal: Int?
    /// What the thread worked on that crashed; `nil` where that is not known.
    package var crashed: Act?
    /// What all threads worked on.
    package var acts: [Act] = []
    /// How often in a row runs ended by a fall, this one among them.
    package var falls = 0

    /// Nothing is known.
    package init() {}
}

/// Notes what threads work on.
package final class ReadingJournal: @unchecked Sendable {
    // Sound: the mapping stays as long as the object, slots belong to one thread each, and all stores
    // are atomic (CProcess).

    private enum State { static let running: UInt32 = 1, ended: UInt32 = 2 }
    private enum What { static let reading: UInt32 = 1, looking: UInt32 = 2 }

    /// The file in the state directory.
    package static let fileName = "reading.journal"
    /// From one beat to the next, seconds, and from one look at how busy readers are.
    package static let beatSeconds = 0.25, beatsPerLook = 4
    /// A run that lasted for so long begins a new count of falls, seconds.
    private static let steady = 600.0
    private static let magic: UInt64 = 0x5649_4749_4c52_4a31
    private static let mostSlots = 100_000

    private let head: UnsafeMutablePointer<VigilJournalHead>
    private let slots: UnsafeMutablePointer<VigilJournalSlot>
    private let count: Int
    private let start = monotonicSeconds()
    private let free: Mutex<[Int]>
    private let watch = Mutex(Watch())

    /// What readers took so far.
    private struct Watch {
        var beats = 0
        var looked: UInt64 = 0
        var spent: [Int: (thread: UInt32, nanoseconds: Int64)] = [:]
    }

    /// A slot; belongs to one thread.
    package struct Slot: Sendable {
        fileprivate let number: Int
        fileprivate let journal: ReadingJournal

        /// The calling thread looks at pictures of a stream from now on.
        func looks(at stream: StreamID) { journal.note(stream, What.looking, in: number) }
        /// It has ended.
        func rests() { vigil_note_word(&journal.slots[number].act, 0) }
    }

    /// Reads what the last run left, and begins anew.
    /// - Parameter slots: threads that there may be at a time; others are not noted.
    /// - Throws: `RunError` of code `configuration` where the file cannot be made.
    package static func begin(
        in directory: String, slots: Int
    ) throws(RunError) -> (journal: ReadingJournal, remains: JournalRemains) {
        let path = "\(directory)/\(fileName)"
        let remains = Self.remains(at: path)
        return (try ReadingJournal(path, slots: slots, falls: remains.falls), remains)
    }

    private init(_ path: String, slots count: Int, falls: Int) throws(RunError) {
        self.count = min(max(1, count), Self.mostSlots)
        let size =
            MemoryLayout<VigilJournalHead>.stride
            + self.count * MemoryLayout<VigilJournalSlot>.stride
        let place = try Self.map(path, size)
        head = place.bindMemory(to: VigilJournalHead.self, capacity: 1)
        slots = (place + MemoryLayout<VigilJournalHead>.stride)
            .bindMemory(to: VigilJournalSlot.self, capacity: self.count)
        free = Mutex(Array((0..<self.count).reversed()))
        (head.pointee.boot_high, head.pointee.boot_low) = Self.boot ?? (0, 0)
        head.pointee.slots = UInt32(self.count)
        head.pointee.falls = UInt32(clamping: falls)
        vigil_note_time(&head.pointee.beat_ms, Self.now)
        vigil_note_word(&head.pointee.state, State.running)
        head.pointee.magic = Self.magic
        vigil_note_crashes(head)
    }

    /// Makes a new file in the place of the old one, so that nobody who looks at that is confused.
    private static func map(
        _ path: String, _ size: Int
    ) throws(RunError) -> UnsafeMutableRawPointer {
        unlink(path)
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure(path, errno) }
        defer { close(descriptor) }
        let status = posix_fallocate(descriptor, 0, off_t(size))
        guard status == 0 else { throw failure(path, status) }
        let place = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let place, place != MAP_FAILED else { throw failure(path, errno) }
        return place
    }

    private static func failure(_ path: String, _ number: CInt) -> RunError {
        RunError(
            .configuration, "\(path) cannot be made: \(String(cString: strerror(number)))")
    }

    // MARK: - Notes

    /// Takes a slot for the calling thread; `nil` where there is none.
    package func takeSlot() -> Slot? {
        guard let number = free.withLock({ $0.popLast() }) else { return nil }
        vigil_note_word(&slots[number].act, 0)
        vigil_note_word(&slots[number].thread, vigil_thread_id())
        vigil_own_slot(UInt32(number + 1))
        return Slot(number: number, journal: self)
    }

    /// Takes a slot for the calling thread, which reads a stream from now on.
    package func takeSlot(reading stream: StreamID) -> Slot? {
        let slot = takeSlot()
        if let slot { note(stream, What.reading, in: slot.number) }
        return slot
    }

    /// The calling thread gives its slot back.
    package func giveBack(_ slot: Slot?) {
        guard let slot else { return }
        slot.rests()
        vigil_own_slot(0)
        free.withLock { $0.append(slot.number) }
    }

    private func note(_ stream: StreamID, _ act: UInt32, in number: Int) {
        let id = stream.uuid
        vigil_note_act(&slots[number], act, id.high, id.low, Self.now)
    }

    /// Says that the service is alive, and now and then how busy its readers are.
    package func beat() {
        vigil_note_time(&head.pointee.beat_ms, Self.now)
        watch.withLock { watch in
            watch.beats += 1
            if watch.beats % Self.beatsPerLook == 0 { look(&watch) }
        }
        if head.pointee.falls > 0, monotonicSeconds() - start > Self.steady {
            vigil_note_word(&head.pointee.falls, 0)
        }
    }

    private func look(_ watch: inout Watch) {
        let time = Self.now
        // Milliseconds: one percent of one is 10 000 ns.
        let passed = Int64(max(1, time - min(time, watch.looked)))
        watch.looked = time
        for number in 0..<count {
            let slot = slots[number]
            guard slot.act == What.reading else {
                watch.spent[number] = nil
                continue
            }
            let now = vigil_thread_nanoseconds(slot.thread)
            if let before = watch.spent[number], before.thread == slot.thread,
                before.nanoseconds >= 0, now >= before.nanoseconds
            {
                let percent = (now - before.nanoseconds) / (passed * 10_000)
                vigil_note_word(&slots[number].busy_percent, UInt32(clamping: min(100, percent)))
            }
            watch.spent[number] = (slot.thread, now)
        }
    }

    /// The run ends in order: whatever comes now, nobody is suspected for it.
    package func end() { vigil_note_word(&head.pointee.state, State.ended) }

    private static var now: UInt64 { DispatchTime.now().uptimeNanoseconds / 1_000_000 }

    /// The id of the system's boot.
    private static var boot: (UInt64, UInt64)? {
        guard let data = FileManager.default.contents(atPath: "/proc/sys/kernel/random/boot_id"),
            let uuid = UUID(
                uuidString: String(decoding: data, as: UTF8.self)
                    .trimmingCharacters(in: .whitespacesAndNewlines))
        else { return nil }
        return withUnsafeBytes(of: uuid.uuid) {
            (
                $0.loadUnaligned(as: UInt64.self),
                $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            )
        }
    }
}

// MARK: - What is left

extension ReadingJournal {
    /// Reads a file that a run left.
    package static func remains(at path: String) -> JournalRemains {
        let most =
            MemoryLayout<VigilJournalHead>.stride
            + mostSlots * MemoryLayout<VigilJournalSlot>.stride
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return JournalRemains() }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG,
            facts.st_size >= MemoryLayout<VigilJournalHead>.stride, facts.st_size <= most
        else { return JournalRemains() }
        var bytes = [UInt8](repeating: 0, count: Int(facts.st_size))
        guard read(descriptor, &bytes, bytes.count) == bytes.count else { return JournalRemains() }
        return bytes.withUnsafeBytes { remains(in: $0) }
    }

    private static func remains(in bytes: UnsafeRawBufferPointer) -> JournalRemains {
        let head = bytes.loadUnaligned(as: VigilJournalHead.self)
        var remains = JournalRemains()
        guard head.magic == magic else { return remains }
        guard let boot, boot == (head.boot_high, head.boot_low) else {
            remains.end = .withMachine
            return remains
        }
        guard head.state == State.running || head.crash_signal != 0 else {
            remains.end = .orderly
            return remains
        }
        remains.end = .fell
        remains.falls = Int(min(head.falls, 1000)) + 1
        remains.signal = head.crash_signal == 0 ? nil : Int(head.crash_signal)
        let size = MemoryLayout<VigilJournalSlot>.stride
        let count = min(
            Int(head.slots), (bytes.count - MemoryLayout<VigilJournalHead>.stride) / size)
        for number in 0..<count {
            let place = MemoryLayout<VigilJournalHead>.stride + number * size
            let slot = bytes.loadUnaligned(fromByteOffset: place, as: VigilJournalSlot.self)
            guard slot.act == What.reading || slot.act == What.looking else { continue }
            let act = JournalRemains.Act(
                stream: StreamID(AlertID(high: slot.high, low: slot.low)),
                isLooking: slot.act == What.looking,
                lasted: (Double(head.beat_ms) - Double(slot.since_ms)) / 1000,
                busy: Double(min(slot.busy_percent, 100)) / 100, thread: slot.thread)
            remains.acts.append(act)
            if Int(head.crashed_slot) == number + 1 { remains.crashed = act }
        }
        return remains
    }
}
