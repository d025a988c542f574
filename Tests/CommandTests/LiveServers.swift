// Real servers and publishers on loopback, for tests of live streams: on free ports, in temporary
// folders, and always stopped, by pid.

import Foundation
import Testing

/// A program that runs beside the test and is stopped with it.
final class BackgroundProgram: @unchecked Sendable {
    // Sound: Foundation's Process may be waited for and asked on any thread.
    private let process = Process()
    private let log: String

    /// Starts it; what it says goes to a file in `folder`.
    init(_ program: String, _ arguments: [String], folder: String) throws {
        log = "\(folder)/\(UUID().uuidString).log"
        try Data().write(to: URL(filePath: log))
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: URL(filePath: log))
        process.standardError = process.standardOutput
        try process.run()
    }

    deinit { stop() }

    var pid: pid_t { process.processIdentifier }

    /// What it said so far.
    var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    var isRunning: Bool { process.isRunning }

    /// Asks it to end, so that it ends its own children first; kills it if it does not.
    ///
    /// It polls: Foundation's own wait does not return while a grandchild holds its socket.
    func stop() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGCONT)
        kill(process.processIdentifier, SIGTERM)
        for _ in 0..<60 where process.isRunning { usleep(50_000) }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    /// Waits until it has ended by itself.
    func waitForEnd() {
        while process.isRunning { usleep(50_000) }
    }
}

enum Loopback {
    /// A port that nobody listens on now.
    static func freePort(datagrams: Bool = false) throws -> Int {
        let kind = datagrams ? Int32(SOCK_DGRAM.rawValue) : Int32(SOCK_STREAM.rawValue)
        let descriptor = socket(AF_INET, kind, 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0
                    && getsockname(descriptor, pointer, &length) == 0
            }
        }
        try #require(isBound, "no free port")
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Waits until somebody listens on a port.
    static func waitForListener(on port: Int) throws {
        for _ in 0..<200 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            address.sin_port = UInt16(port).bigEndian
            let isOpen = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            if isOpen { return }
            usleep(50_000)
        }
        Issue.record("nobody listens on port \(port)")
    }
}

/// nginx with its RTMP module: takes RTMP, and hands out RTMP and HLS.
final class RTMPServer {
    private let program: BackgroundProgram
    let port: Int
    let httpPort: Int

    private static let module = "/usr/lib/nginx/modules/ngx_rtmp_module.so"

    static var isInstalled: Bool {
        let isThere = FileManager.default.fileExists(atPath: module)
        if !isThere { print("skipped: needs nginx and libnginx-mod-rtmp") }
        return isThere
    }

    init(folder: String) throws {
        port = try Loopback.freePort()
        httpPort = try Loopback.freePort()
        let configuration = """
            load_module \(Self.module);
            daemon off; worker_processes 1; pid \(folder)/nginx.pid; error_log stderr warn;
            events { worker_connections 512; }
            rtmp { server { listen 127.0.0.1:\(port); drop_idle_publisher 5s;
                application live { live on; idle_streams off; }
                application hls { live on; hls on; hls_path \(folder)/hls; hls_fragment 1s; }
            } }
            http { access_log off;
                client_body_temp_path \(folder)/body; proxy_temp_path \(folder)/proxy;
                fastcgi_temp_path \(folder)/fastcgi; uwsgi_temp_path \(folder)/uwsgi;
                scgi_temp_path \(folder)/scgi;
                server { listen 127.0.0.1:\(httpPort); root \(folder); }
            }
            """
        let file = "\(folder)/nginx.conf"
        try Data(configuration.utf8).write(to: URL(filePath: file))
        program = try BackgroundProgram(
            "nginx", ["-c", file, "-p", folder, "-e", "stderr"], folder: folder)
        try Loopback.waitForListener(on: port)
    }

    func address(_ name: String) -> String { "rtmp://127.0.0.1:\(port)/live/\(name)" }

    /// Where a stream is published that is handed out as HLS too.
    func publishing(hls name: String) -> String { "rtmp://127.0.0.1:\(port)/hls/\(name)" }

    func playlist(_ name: String) -> String { "http://127.0.0.1:\(httpPort)/hls/\(name).m3u8" }
}

/// An RTSP server with one file, at `/s`, played from the start for each client.
final class RTSPServer {
    private let program: BackgroundProgram
    let address: String

    private static let script = """
        import sys, gi
        gi.require_version("Gst", "1.0")
        gi.require_version("GstRtspServer", "1.0")
        from gi.repository import Gst, GstRtspServer, GLib
        Gst.init(None)
        if len(sys.argv) < 3:
            sys.exit(0 if Gst.ElementFactory.find("h264parse") else 1)
        server = GstRtspServer.RTSPServer()
        server.set_address("127.0.0.1")
        server.set_service(sys.argv[1])
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f'( filesrc location="{sys.argv[2]}" ! qtdemux ! '
                           'h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 )')
        server.get_mount_points().add_factory("/s", factory)
        server.attach(None)
        GLib.MainLoop().run()
        """

    static var isInstalled: Bool {
        let isThere =
            (try? Program.run("/usr/bin/python3", ["-c", script]))?.status == 0
        if !isThere { print("skipped: needs gst-rtsp-server with python3-gi") }
        return isThere
    }

    init(file: String, folder: String) throws {
        let port = try Loopback.freePort()
        program = try BackgroundProgram(
            "/usr/bin/python3", ["-c", Self.script, "\(port)", file], folder: folder)
        address = "rtsp://127.0.0.1:\(port)/s"
        try Loopback.waitForListener(on: port)
    }
}

/// nginx that hands out the files of a folder and logs what it was asked for.
final class FolderServer {
    private let program: BackgroundProgram
    private let log: String
    private let port: Int

    static var isInstalled: Bool {
        let isThere = FileManager.default.fileExists(atPath: "/usr/sbin/nginx")
        if !isThere { print("skipped: needs nginx") }
        return isThere
    }

    init(folder: String, place: String) throws {
        port = try Loopback.freePort()
        log = "\(place)/requests.log"
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "\($0)_temp_path \(place)/nginx-\($0);" }.joined(separator: " ")
        let configuration = """
            daemon off; worker_processes 1; pid \(place)/folder.pid; error_log stderr warn;
            events { worker_connections 512; }
            http { log_format bytes '$uri $status $body_bytes_sent'; access_log \(log) bytes;
                \(temporary)
                server { listen 127.0.0.1:\(port); root \(folder); }
            }
            """
        let file = "\(place)/folder.conf"
        try Data(configuration.utf8).write(to: URL(filePath: file))
        program = try BackgroundProgram(
            "nginx", ["-c", file, "-p", place, "-e", "stderr"], folder: place)
        try Loopback.waitForListener(on: port)
    }

    func address(_ name: String) -> String { "http://127.0.0.1:\(port)/\(name)" }

    /// What was asked for and was there, with the bytes that were sent.
    func served() -> [(path: String, bytes: Int)] {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap {
            let fields = $0.split(separator: " ")
            guard fields.count == 3, fields[1].hasPrefix("20"), let bytes = Int(fields[2]) else {
                return nil
            }
            return (String(fields[0]), bytes)
        }
    }
}
