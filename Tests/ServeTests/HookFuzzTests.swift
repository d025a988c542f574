// Hooks of servers, mutated: whatever comes is refused or gives names that keep their promises.

import Report
import Serve
import TestSupport
import Testing

@Suite struct HookFuzzTests {
    private static let bodies: [(ServerKind, Bool, String)] = [
        (.nginxRTMP, true, "app=live&addr=192.0.2.7&clientid=1&call=publish&name=one%20&type=live"),
        (.mediaMTX, false, #"{"ip":"192.0.2.7","action":"publish","path":"a/b","id":"1"}"#),
        (.mediaMTX, true, "event=ready&path=a%2Fb&source_id=1"),
        (.srs, false, #"{"action":"on_publish","client_id":1,"vhost":"v","app":"a","stream":"b"}"#),
        (
            .ovenMediaEngine, false,
            #"{"client":{"address":"::1","port":1},"request":{"direction":"incoming","#
                + #""status":"opening","url":"rtmp://h/a/b"}}"#
        ),
        (.antMedia, true, "id=a&action=liveStreamStarted"),
        (.wowza, false, #"{"event":"stream.started","context":{"app":"a","stream":"b"}}"#),
        (
            .liveKit, false,
            #"{"event":"ingress_started","ingressInfo":{"ingressId":"IN_1","roomName":"r","#
                + #""participantIdentity":"p"}}"#
        ),
        (
            .cloudflareStream, false,
            #"{"data":{"input_id":"a","event_type":"live_input.connected"}}"#
        ),
        (.generic, false, #"{"event":"publish","path":"a/b/c","peer":"192.0.2.7:1"}"#),
    ]

    @Test func mutatedBodiesGiveSoundNamesOrErrors() throws {
        var random = SeededGenerator(seed: 7)
        let template = try AddressTemplate("https://cdn.example/live/{path}?n={name}")
        var taken = 0
        for (server, isForm, text) in Self.bodies {
            for _ in 0..<2000 {
                var body = Array(text.utf8)
                for _ in 0..<Int.random(in: 0...3, using: &random) {
                    let place = Int.random(in: 0..<body.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: body[place] = UInt8.random(in: 0...255, using: &random)
                    case 1: body.insert(contentsOf: Array("%2e%2E/..%00&={}".utf8), at: place)
                    default: body.removeSubrange(place..<min(place + 2, body.count))
                    }
                    if body.isEmpty { body = [0] }
                }
                let request = HookRequest(
                    body: body,
                    contentType: isForm
                        ? "application/x-www-form-urlencoded" : "application/json",
                    unixSeconds: 0)
                guard let hook = try? PublishHook.read(request, from: server, secret: nil) else {
                    continue
                }
                taken += 1
                let parts = hook.path.split(separator: "/", omittingEmptySubsequences: false)
                #expect(parts.allSatisfy { !["", ".", ".."].contains($0) })
                #expect(hook.path.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 })
                let address = try template.address(of: hook)
                #expect(address.hasPrefix("https://cdn.example/live/"))
                #expect(address.utf8.allSatisfy { $0 > 32 && $0 < 127 })
                #expect(address.filter { $0 == "?" || $0 == "#" }.count == 1)
            }
        }
        #expect(taken > 2000)
    }

    @Test func nestedJSONIsRefused() {
        let deep = String(repeating: #"{"a":["#, count: 10_000)
        for server in ServerKind.allCases where server != .nginxRTMP {
            #expect(refusal(Sent.json(deep), from: server)?.code == .malformed)
        }
    }
}
