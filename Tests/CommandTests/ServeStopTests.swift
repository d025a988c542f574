// Detected, stopped, seen to be gone, and kept out: with a real media server, a real publisher, and the
// service that its hooks call.

import Foundation
import Testing

/// nginx with its RTMP module, whose hooks call a service.
private final class HookedServer {
    private let program: BackgroundProgram

    init(folder: String, rtmp: Int, http: Int, hook: String) throws {
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "\($0)_temp_path \(folder)/hooked-\($0);" }.joined(separator: " ")
        let configuration = """
            load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
            daemon off; worker_processes 1; pid \(folder)/hooked.pid; error_log stderr warn;
            events { worker_connections 512; }
            rtmp { server { listen 127.0.0.1:\(rtmp); notify_method post;
                application live { live on; idle_streams off;
                    on_publish \(hook); on_publish_done \(hook); }
            } }
            http { access_log off; \(temporary)
                server { listen 127.0.0.1:\(http);
                    location /stat { rtmp_stat all; } location /control { rtmp_control all; } }
            }
            """
        let file = "\(folder)/hooked.conf"
        try Data(configuration.utf8).write(to: URL(filePath: file))
        program = try BackgroundProgram(
            "nginx", ["-c", file, "-p", folder, "-e", "stderr"], folder: folder)
        try Loopback.waitForListener(on: rtmp)
    }
}

extension ServiceAsUsed {
    @Suite struct ServeStopTests {
        private let place: Workplace
        private let service: Service
        private let server: HookedServer
        private let rtmp: Int

        init() throws {
            place = try Workplace()
            let film = try Clips.generated("rich-film", seed: 1)
            rtmp = try Loopback.freePort()
            let http = try Loopback.freePort()
            service = try Service(
                place, known: try place.known("film", media: film),
                .init(
                    more: """
                        servers:
                          - name: edge
                            kind: nginx-rtmp
                            watch: rtmp://127.0.0.1:\(rtmp)/{app}/{name}
                            labels: {site: one}
                            control: http://127.0.0.1:\(http)
                        stop:
                          rules:
                            - {set: "*"}
                        """))
            let token = try #require(service.tokens["hook"])
            server = try HookedServer(
                folder: place.path, rtmp: rtmp, http: http,
                hook:
                    "http://127.0.0.1:\(service.port)/v1/hooks/nginx-rtmp?server=edge&token=\(token)"
            )
        }

        /// Publishes four seconds of something else, then a mirrored copy of the film.
        private func publish(_ name: String) throws -> BackgroundProgram {
            try BackgroundProgram(
                "ffmpeg",
                ["-nostdin", "-v", "error", "-re", "-i", try Clips.mirroredStream()]
                    + ["-c", "copy", "-f", "flv", "rtmp://127.0.0.1:\(rtmp)/live/\(name)"],
                folder: place.path)
        }

        private func stream(_ name: String) throws -> [String: Any] {
            let isThere = try wait(10) {
                try service.get("/v1/streams").items.contains {
                    ($0["name"] as? String ?? "").contains("/live/\(name.prefix(2))")
                }
            }
            try #require(isThere, "\(service.log)")
            return try #require(
                try service.get("/v1/streams").items.first {
                    ($0["name"] as? String ?? "").contains("/live/\(name.prefix(2))")
                })
        }

        private func alert(of stream: String) throws -> [String: Any] {
            func find() throws -> [String: Any]? {
                try service.alerts().first {
                    ($0["stream"] as? [String: Any])?["id"] as? String == stream
                }
            }
            #expect(try wait(20) { try find() != nil }, "no alert: \(service.log)")
            return try #require(try find())
        }

        @Test(.enabled(if: RTMPServer.isInstalled))
        func whoPublishesAKnownFilmIsStoppedAndKeptOut() throws {
            let publisher = try publish("camera-one-key")
            let stream = try stream("camera-one-key")
            #expect((stream["labels"] as? [String: String]) == ["site": "one"])
            let id = try #require(stream["id"] as? String)
            let alert = try alert(of: id)
            let alertID = try #require(alert["alert_id"] as? String)
            #expect(
                try wait(10) { try service.steps(alertID).contains { $0.step == "confirmed_gone" } }
            )
            #expect(wait(5) { !publisher.isRunning }, "the publisher goes on")
            let steps = try service.steps(alertID)
            #expect(
                steps.map(\.step) == ["detected", "stop_requested", "confirmed_gone"], "\(steps)")
            let facts = try #require(alert["stream"] as? [String: Any])
            let arrived = try #require(facts["frame_arrived_unix_ms"] as? Int)
            // Two frames of a film are needed, so the first came some time before.
            let first = try #require(facts["first_frame_arrived_unix_ms"] as? Int)
            #expect((1...60_000).contains(arrived - first), "\(facts)")
            let shown = try service.get("/v1/alerts/\(alertID)").object
            let timeline = shown["timeline"] as? [[String: Any]]
            #expect(timeline?.first?["moment"] as? String == "first_frame_arrived")
            let took = try #require(steps.last?.unixMs) - arrived
            #expect(took >= 0 && took <= 2000, "it took \(took) ms: \(steps)")
            print("stopped and seen gone \(took) ms after the frame came")

            let again = try publish("camera-one-key")
            #expect(wait(20) { !again.isRunning }, "it may publish again: \(again.output)")
            #expect(
                try wait(5) {
                    try service.steps(alertID).contains { $0.step == "republish_denied" }
                })
            let denials = try service.get("/v1/denials").items
            #expect(denials.map { $0["alert_id"] as? String } == [alertID])
            #expect(try wait(10) { try service.get("/v1/streams").items.isEmpty }, "still watched")
            let ended = try service.get("/v1/streams/\(id)").object
            #expect(ended["end_reason"] as? String == "its publisher ended", "\(ended)")

            // An operator lets the publisher back in.
            #expect(try service.ask("DELETE", "/v1/denials/\(alertID)").status == 204)
            let third = try publish("camera-one-key")
            #expect(try wait(10) { try service.get("/v1/streams").items.count == 1 })
            third.stop()
        }

        @Test(.enabled(if: RTMPServer.isInstalled))
        func whatIsHeldIsNotStopped() throws {
            let publisher = try publish("held-stream")
            let id = try #require(try stream("held-stream")["id"] as? String)
            let hold = try service.post(
                "/v1/holds",
                ["stream_id": id, "authority": "police", "reason": "an inquiry", "for_s": 600])
            #expect(hold.status == 201, "\(hold.text)")
            let alertID = try #require(try alert(of: id)["alert_id"] as? String)
            #expect(try wait(5) { try service.steps(alertID).contains { $0.step == "held" } })
            // Longer than a stop takes: nothing must happen meanwhile.
            usleep(3_000_000)
            #expect(publisher.isRunning, "dropped in spite of the hold")
            #expect(try service.steps(alertID).map(\.step) == ["detected", "held"])
            #expect(try service.get("/v1/denials").items.isEmpty)
            publisher.stop()
        }
    }
}

extension Clips {
    /// Four seconds of something else, then eight of a mirrored copy of the film of seed 1; a keyframe
    /// every second.
    static func mirroredStream() throws -> String {
        let film = try generated("rich-film", seed: 1)
        return try make(
            "mirrored-stream.mp4",
            "-f lavfi -i testsrc2=s=320x180:r=10:d=4 -i \(film) -filter_complex "
                + "[0]format=yuv420p,setsar=1[a];[1:v]hflip,trim=duration=8,format=yuv420p,setsar=1[b];"
                + "[a][b]concat=n=2 \(x264) -g 10 -keyint_min 10 -sc_threshold 0 -bf 2 -crf 23")
    }
}
