// Hooks of servers that do not sign, in the forms in which those servers send them.

import HTTPTypes
import Report
import Serve
import Testing

@Suite struct HookTests {
    // MARK: nginx-rtmp

    private static let nginxBody =
        "app=live&flashver=FMLE%2F3.0&swfurl=&tcurl=rtmp%3A%2F%2F127.0.0.1%3A1935%2Flive&pageurl="
        + "&addr=192.0.2.7&clientid=12&call=publish&name=one&type=live"

    @Test func nginxTellsBothEnds() throws {
        let hook = try #require(
            try PublishHook.read(Sent.form(Self.nginxBody), from: .nginxRTMP, secret: nil))
        #expect(hook.kind == .publish)
        #expect((hook.path, hook.app, hook.name) == ("live/one", "live", "one"))
        #expect(hook.publisher == StreamPublisher(id: "12", peer: "192.0.2.7"))
        let done = Self.nginxBody.replacing("call=publish", with: "call=publish_done")
        let end = try PublishHook.read(Sent.form(done), from: .nginxRTMP, secret: nil)
        #expect(end?.kind == .unpublish)
    }

    @Test(arguments: ["play", "play_done", "done", "connect", "disconnect", "update_publish"])
    func nginxsOtherCallsAreAllowed(_ call: String) throws {
        let body = Self.nginxBody.replacing("call=publish", with: "call=\(call)")
        #expect(try PublishHook.read(Sent.form(body), from: .nginxRTMP, secret: nil) == nil)
    }

    /// nginx appends the publisher's own parameters as they are.
    @Test func whatThePublisherAppendsChangesNothing() throws {
        let body = Self.nginxBody + "&name=two&call=publish_done&addr=203.0.113.1&key=s3cret&x=%zz"
        let hook = try #require(
            try PublishHook.read(Sent.form(body), from: .nginxRTMP, secret: nil))
        #expect(hook.kind == .publish && hook.path == "live/one")
        #expect(hook.publisher.peer == "192.0.2.7")
        #expect(!"\(hook)".contains("s3cret"))
    }

    @Test(arguments: [
        ("name=one", "name=", "is empty"), ("name=one", "name=a%2Fb", "holds a slash"),
        ("name=one", "name=%2E%2E", "is a step in a path"),
        ("name=one", "name=a%00b", "control character"), ("name=one", "name=%zz", "percent escape"),
        ("name=one", "name=a%ff", "percent escape"), ("name=one", "name=a%20b", "nginx"),
        ("name=one", "name=a%26b", "nginx"), ("app=live", "app=", "is empty"),
        ("app=live", "app=a%5Cb", "holds a slash"), ("&call=publish", "", "call is missing"),
        ("addr=192.0.2.7", "addr=%0d%0aX", "control character"),
    ])
    func nginxsBadFieldsAreTold(_ old: String, _ new: String, _ why: String) throws {
        let body = Self.nginxBody.replacing(old, with: new)
        let error = try #require(refusal(Sent.form(body), from: .nginxRTMP))
        #expect(error.message.contains(why), "\(error)")
    }

    @Test func hugeNamesAndBodiesAreRefused() throws {
        let long = Self.nginxBody.replacing(
            "name=one", with: "name=" + String(repeating: "a", count: 257))
        #expect(refusal(Sent.form(long), from: .nginxRTMP)?.message.contains("256 bytes") == true)
        let huge = HookRequest(
            body: [UInt8](repeating: 97, count: HookRequest.longestBody + 1), unixSeconds: 0)
        for server in ServerKind.allCases {
            #expect(refusal(huge, from: server)?.code == .malformed)
        }
    }

    @Test func garbageIsRefusedByEveryServersReader() {
        for server in ServerKind.allCases where server != .nginxRTMP {
            for body in [
                "", "null", "[]", "{", "\u{0}", "{\"event\":3}", "{\"action\":{}}", "[[[[",
            ] {
                #expect(refusal(Sent.json(body), from: server)?.code == .malformed, "\(server)")
            }
        }
    }

    // MARK: MediaMTX

    private static func asked(_ action: String, ip: String, password: String = "") -> HookRequest {
        Sent.json(
            """
            {"user":"u","password":"\(password)","token":"","ip":"\(ip)","action":"\(action)",
             "path":"live/cams/one","protocol":"rtmp","id":"6f9e","query":"pass=hunter2"}
            """)
    }

    @Test func mediaMTXAsksBeforePublishing() throws {
        let hook = try #require(
            try PublishHook.read(
                Self.asked("publish", ip: "192.0.2.7"), from: .mediaMTX, secret: nil))
        #expect((hook.kind, hook.path) == (.publish, "live/cams/one"))
        #expect((hook.app, hook.name) == ("live/cams", "one"))
        #expect(hook.publisher == StreamPublisher(id: "6f9e", peer: "192.0.2.7"))
        #expect(!"\(hook)".contains("hunter2"))
    }

    @Test func mediaMTXsReadersAreAllowedAndItsControlIsNot() throws {
        let secret = try #require(SecretText("open sesame"))
        for action in ["read", "playback"] {
            #expect(refusal(Self.asked(action, ip: "192.0.2.7"), from: .mediaMTX) == nil)
        }
        for action in ["api", "metrics", "pprof", "invented"] {
            #expect(refusal(Self.asked(action, ip: "192.0.2.7"), from: .mediaMTX)?.code == .refused)
            #expect(refusal(Self.asked(action, ip: "127.0.0.1"), from: .mediaMTX) == nil)
            let other = Self.asked(action, ip: "192.0.2.7", password: "open sesame")
            #expect(refusal(other, from: .mediaMTX, secret: secret) == nil)
            let wrong = Self.asked(action, ip: "192.0.2.7", password: "open")
            #expect(refusal(wrong, from: .mediaMTX, secret: secret)?.code == .refused)
        }
    }

    @Test func mediaMTXsCommandsTellBothEnds() throws {
        let form = "event=ready&path=live%2Fone&source_type=rtmpConn&source_id=ab-1"
        let begin = try PublishHook.read(Sent.form(form), from: .mediaMTX, secret: nil)
        #expect(begin?.kind == .publish && begin?.path == "live/one")
        #expect(begin?.publisher.id == "ab-1")
        let json = #"{"event":"notReady","path":"one","source_id":""}"#
        let end = try PublishHook.read(Sent.json(json), from: .mediaMTX, secret: nil)
        #expect(end?.kind == .unpublish && end?.path == "one" && end?.app == "")
        #expect(end?.publisher.id == nil)
        for path in ["a//b", "/a", "a/", "a/../b", ""] {
            let bad = #"{"event":"ready","path":"\#(path)"}"#
            #expect(refusal(Sent.json(bad), from: .mediaMTX)?.code == .malformed, "\(path)")
        }
    }

    // MARK: SRS

    @Test(arguments: [("\"9308h583\"", "9308h583"), ("1985", "1985")])
    func srsTellsBothEnds(_ client: String, _ id: String) throws {
        let body = """
            {"server_id":"vid-0","action":"on_publish","client_id":\(client),"ip":"192.0.2.7",
             "vhost":"__defaultVhost__","app":"live","tcUrl":"rtmp://x/live?key=s3cret",
             "stream":"one","param":"?token=s3cret"}
            """
        let hook = try #require(try PublishHook.read(Sent.json(body), from: .srs, secret: nil))
        #expect((hook.kind, hook.path, hook.vhost) == (.publish, "live/one", ""))
        #expect(hook.publisher == StreamPublisher(id: id, peer: "192.0.2.7"))
        #expect(!"\(hook)".contains("s3cret"))
        let other = body.replacing("__defaultVhost__", with: "video.example")
            .replacing("on_publish", with: "on_unpublish")
        let end = try PublishHook.read(Sent.json(other), from: .srs, secret: nil)
        #expect(end?.kind == .unpublish && end?.path == "video.example/live/one")
        let play = body.replacing("on_publish", with: "on_play")
        #expect(try PublishHook.read(Sent.json(play), from: .srs, secret: nil) == nil)
        let wrong = body.replacing("\"one\"", with: "[1]")
        #expect(refusal(Sent.json(wrong), from: .srs)?.message.contains("stream") == true)
    }

    // MARK: Ant Media, Wowza, others

    @Test func antMediaTellsBothEndsAndAsks() throws {
        let form = Sent.form("id=s1&action=liveStreamStarted&streamName=null&category=")
        let begin = try PublishHook.read(form, from: .antMedia, secret: nil)
        #expect(begin?.kind == .publish && begin?.path == "s1")
        let json = Sent.json(#"{"id":"s1","action":"liveStreamEnded","streamName":null}"#)
        #expect(try PublishHook.read(json, from: .antMedia, secret: nil)?.kind == .unpublish)
        let other = Sent.form("id=s1&action=vodReady&vodName=x&vodId=y")
        #expect(try PublishHook.read(other, from: .antMedia, secret: nil) == nil)
        let asked = Sent.json(#"{"appName":"live","streamId":"s2","mode":"publish"}"#)
        #expect(try PublishHook.read(asked, from: .antMedia, secret: nil)?.path == "s2")
        let viewer = Sent.json(#"{"appName":"live","streamId":"s2","mode":"play"}"#)
        #expect(try PublishHook.read(viewer, from: .antMedia, secret: nil) == nil)
    }

    @Test func wowzaTellsBothEnds() throws {
        let body = """
            {"event":"stream.started","context":{"vhost":"_defaultVHost_","app":"live",
             "appInstance":"_definst_","stream":"one"}}
            """
        let begin = try PublishHook.read(Sent.json(body), from: .wowza, secret: nil)
        #expect(begin?.kind == .publish && begin?.path == "live/one")
        let end = try PublishHook.read(
            Sent.json(body.replacing("started", with: "stopped")), from: .wowza, secret: nil)
        #expect(end?.kind == .unpublish)
        let other = #"{"event":"app.started","context":{}}"#
        #expect(try PublishHook.read(Sent.json(other), from: .wowza, secret: nil) == nil)
    }

    @Test func aGenericServerNamesThePathOrItsParts() throws {
        let whole = Sent.json(#"{"event":"publish","path":"a/b/c","publisher":7,"peer":"::1"}"#)
        let hook = try #require(try PublishHook.read(whole, from: .generic, secret: nil))
        #expect((hook.app, hook.name, hook.publisher.id) == ("a/b", "c", "7"))
        let parts = Sent.form("event=unpublish&app=a&name=b&vhost=v")
        #expect(try PublishHook.read(parts, from: .generic, secret: nil)?.path == "v/a/b")
        let both = Sent.json(#"{"event":"publish","path":"a","name":"b"}"#)
        #expect(refusal(both, from: .generic)?.code == .malformed)
        let none = Sent.json(#"{"event":"publish"}"#)
        #expect(refusal(none, from: .generic)?.message.contains("name") == true)
        let other = Sent.json(#"{"event":"heartbeat"}"#)
        #expect(try PublishHook.read(other, from: .generic, secret: nil) == nil)
    }

    // MARK: Answers

    @Test func everyServerIsAnsweredInItsOwnForm() throws {
        let end = try PublishHook(.unpublish, app: "live", name: "one")
        let srs = HookAnswer(to: .srs, .denied)
        #expect(srs.status == 200 && srs.body.contains(#""code":403"#))
        #expect(HookAnswer(to: .srs, .allowed).body.contains(#""code":0"#))
        #expect(HookAnswer(to: .srs, .rejected(.malformed)).body.contains(#""code":400"#))
        let oven = HookAnswer(to: .ovenMediaEngine, .denied)
        #expect(oven.status == 200 && oven.body.contains(#""allowed":false"#))
        #expect(HookAnswer(to: .ovenMediaEngine, .allowed).body.contains(#""allowed":true"#))
        #expect(HookAnswer(to: .ovenMediaEngine, .allowed, hook: end).body == "{}")
        for server in [ServerKind.nginxRTMP, .mediaMTX, .antMedia, .generic] {
            #expect(HookAnswer(to: server, .denied).status == 403)
            #expect(HookAnswer(to: server, .allowed).status == 200)
        }
        for server in ServerKind.allCases where server != .srs {
            #expect(HookAnswer(to: server, .rejected(.unauthentic)).status == 401)
            #expect(HookAnswer(to: server, .rejected(.malformed)).status == 400)
            #expect(server.asksBeforePublishing || HookAnswer(to: server, .denied).status == 200)
        }
    }
}
