// The command line: argument parsing and printing only. Every subcommand uses the same verbs that
// the modules are named by. Exit codes, of all commands: 0 done (and nothing found), 1 something
// found, 2 something could not be done or examined, 64 wrong usage.

import ArgumentParser
import CProcess
import Decode
import Foundation
import Logging
import Serve

@main
struct Vigil: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vigil",
        abstract: "Finds copies of known material in video files and live streams.",
        discussion: """
            Exit codes: 0 examined, nothing found; 1 something found; 2 nothing found, but something could \
            not be (fully) examined or done; 64 wrong usage.
            """,
        version: "0.1.0",
        subcommands: [
            ScanCommand.self, WatchCommand.self, ServeCommand.self, TokenCommand.self,
            ReceiveCommand.self, ExplainCommand.self, FingerprintCommand.self, KnownCommand.self,
            MatchCommand.self, ReportCommand.self, AuditCommand.self, BenchCommand.self,
            DoctorCommand.self,
        ])

    /// Known hashes and keys are secrets: no core dump may hold them.
    static let areCoreDumpsOff = vigil_forbid_core_dumps() == 0

    static func main() {
        // Before any secret is read: a crash must not print what memory holds.
        Crash.printNothing()
        // Whatever a library logs passes the same rule as our own lines.
        LoggingSystem.bootstrap { PlainLog.handler(label: $0) }
        if !areCoreDumpsOff {
            Console.error(
                "vigil: core dumps could not be turned off; a crash could write secrets to disk")
        }
        // A closed pipe is an error of one write, not the end of a run that has alerts to record.
        signal(SIGPIPE, SIG_IGN)
        // Nothing can interrupt a look-up of a name, so it shall not take the usual half a minute; what
        // the operator says wins. No thread is there yet that could read the environment meanwhile.
        setenv("RES_OPTIONS", "timeout:2 attempts:2", 0)
        MediaLibrary.prepare()
        main(nil)
    }
}

/// How this program ends where it is wrong.
enum Crash {
    /// Ends a crash with the signal alone.
    ///
    /// The language's run time has put handlers at these signals where SWIFT_BACKTRACE asks for that, as
    /// many container images do; they start `swift-backtrace`, which prints registers and the memory that
    /// they point to.
    static func printNothing() {
        for number in [SIGQUIT, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP] {
            signal(number, SIG_DFL)
        }
    }
}

/// Exit codes that the command line promises.
enum Exit {
    static let found = ExitCode(1)
    static let incomplete = ExitCode(2)
}

/// Ends a command that could not do its work: one line on standard error, exit code 2.
func fail(_ message: String) -> ExitCode {
    Console.error("vigil: \(message)")
    return Exit.incomplete
}
