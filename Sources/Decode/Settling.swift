// How pictures get from the decoder to the looker and are accepted in their order.
//
// Invariants: what is counted was accepted, or is certain to be missing; pictures that were looked at
// in vain are neither. After an error what was found before it still counts.

internal import CFFmpeg

extension FrameSource {
    /// Samples the decoded frame.
    mutating func deliver(
        at time: Double, _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) {
        guard let picture = try takePicture(at: time) else { return }
        looker.begin(picture)
        guard case .keyframes = sampler.policy.mode else {
            sampler.sampled(at: time)
            _ = try settle(leaving: window.most(looker), &looker)
            return
        }
        // What is sampled next depends on what this one shows.
        if case .seen(let outcome) = try settleOldest(&looker) {
            sampler.sampled(at: time, isUsable: outcome == .usable)
        }
    }

    /// Takes the decoded frame in the form asked for.
    /// - Returns: `nil` where it could not be converted, which is counted.
    mutating func takePicture(at time: Double) throws(DecodeError) -> LumaFrame? {
        if let reason = interrupt.reason { throw reason }
        do throws(DecodeError) {
            let picture = try converter.luma(taking: frame, mediaTime: time, number: decoded)
            if picture.isDamaged { report.damaged += 1 }
            return picture
        } catch {
            av_frame_unref(frame)
            report.failed += 1
            if error.code == .unsupported { throw error }
            return nil
        }
    }

    /// After an error: what was found before it counts, unless nothing is wanted any more and it is
    /// not ready.
    mutating func acceptRest(_ looker: inout some PictureLooker & ~Copyable) {
        while looker.waiting > 0, !interrupt.isCancelled || looker.isOldestReady {
            if case .seen = looker.oldest() {
                report.sampled += looker.acceptOldest(
                    number: sampler.policy.mode == .all ? nil : report.sampled)
            } else {
                looker.dropOldest()
                report.failed += 1
            }
        }
        looker.dropNewest(looker.waiting)
    }

    /// How many pictures may wait, beside those that one looker takes.
    struct Window {
        private var limit: Int?
        private var settled = 0

        /// Settled pictures in a row after which the reader goes one further ahead.
        private static let patience = 8

        func most(_ looker: borrowing some PictureLooker & ~Copyable) -> Int {
            min(limit ?? .max, looker.mostWaiting)
        }

        mutating func settledOne() {
            settled += 1
            if let limit, settled % Self.patience == 0 { self.limit = limit + 1 }
        }

        mutating func wentBack(_ looker: borrowing some PictureLooker & ~Copyable) {
            limit = most(looker) / 2
            settled = 0
        }
    }

    /// Where reading goes on.
    enum Turn {
        case onward
        /// At a keyframe that was read before; with the one before that.
        case back(to: LookAhead<PacketPlace>.Step)
        /// From the start, because key flags are wrong.
        case through
        /// At the start of a group, decoding as it is read.
        case again(CodedGroup.Restart)
    }

    /// Accepts pictures in their order: those that are ready, and as many as must be waited for.
    mutating func settle(
        leaving limit: Int, _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) -> Turn {
        while looker.waiting > limit || looker.waiting > 0 && looker.isOldestReady {
            let outcome: LookAhead<PacketPlace>.Outcome
            switch try settleOldest(&looker) {
            case .seen(let seen):
                outcome = seen
                window.settledOne()
            case .dependent: return .through
            case .again(let restart): return .again(restart)
            }
            if let back = ahead.settle(outcome, known: &sampler) {
                looker.dropNewest(back.dropped)
                window.wentBack(looker)
                return .back(to: back.step)
            }
        }
        return .onward
    }

    /// What `settleOldest` found.
    enum Settled {
        case seen(LookAhead<PacketPlace>.Outcome)
        /// A keyframe that needs pictures before it.
        case dependent
        /// A group that needs pictures before it, or is damaged.
        case again(CodedGroup.Restart)
    }

    /// Accepts the oldest picture, or counts that there is none.
    mutating func settleOldest(
        _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) -> Settled {
        if let reason = interrupt.reason { throw reason }
        switch looker.oldest() {
        case .seen(let isUsable):
            report.sampled += looker.acceptOldest(
                number: sampler.policy.mode == .all ? nil : report.sampled)
            return .seen(isUsable ? .usable : .unusable)
        case .handedBack(.group(let group)): return .again(group.restart)
        case .handedBack(.keyframe(let keyframe)):
            switch decoder.keyframe(keyframe.packet, into: frame) {
            case .dependent: return .dependent
            case .failure: report.failed += 1
            case .picture:
                if let picture = try takePicture(at: keyframe.mediaTime) {
                    // It takes a decoder that has seen what came before.
                    if !picture.isDamaged { decodesBeside = false }
                    looker.replaceOldest(with: picture)
                    return try settleOldest(&looker)
                }
            }
            looker.dropOldest()
            return .seen(.failed)
        }
    }
}
