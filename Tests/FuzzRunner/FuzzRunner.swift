// `vigil-fuzz TARGET …`: one program for all fuzz targets.
//
// Built by `scripts/fuzz` with -D FUZZING it hands the target to libFuzzer, whose options follow the
// target's name; built with everything else it runs the target once on each file that is named.

import Foundation
import FuzzTargets

#if FUZZING
    @_silgen_name("LLVMFuzzerRunDriver")
    private func runFuzzer(
        _ count: UnsafeMutablePointer<CInt>,
        _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
        _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
    ) -> CInt

    /// Set once, before the fuzzer's single thread calls back.
    nonisolated(unsafe) private var chosen: FuzzTarget?

    private func run(_ target: FuzzTarget) -> CInt {
        chosen = target
        // The fuzzer takes the first word for the program's name.
        var count = CommandLine.argc - 1
        var words = CommandLine.unsafeArgv + 1
        return withUnsafeMutablePointer(to: &words) {
            runFuzzer(&count, $0) { bytes, count in
                chosen?.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
                return 0
            }
        }
    }
#else
    private func run(_ target: FuzzTarget) -> CInt {
        for path in CommandLine.arguments.dropFirst(2) {
            guard let bytes = FileManager.default.contents(atPath: path) else {
                print("cannot read \(path)")
                return 2
            }
            target.run(Array(bytes))
        }
        return 0
    }
#endif

@main
private struct FuzzRunner {
    static func main() {
        let name = CommandLine.arguments.dropFirst().first ?? ""
        guard let target = FuzzTarget.named(name) else {
            for target in FuzzTarget.all { print(target.name, target.longest) }
            exit(name.isEmpty || name == "--list" ? 0 : 64)
        }
        exit(run(target))
    }
}
