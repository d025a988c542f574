// Hooks that are signed: right, wrong and missing signatures.

import Crypto
import FoundationEssentials
import HTTPTypes
import Report
import Serve
import Testing

@Suite struct SignedHookTests {
    private let secret: SecretText
    private let key = SymmetricKey(data: Array("a shared secret".utf8))

    init() throws { secret = try #require(SecretText("a shared secret")) }

    private func coded(_ bytes: some Sequence<UInt8>) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }

    // MARK: OvenMediaEngine

    private static let admission = """
        {"client":{"address":"211.233.58.86","port":29291,"real_ip":"192.0.2.43"},
         "request":{"direction":"incoming","protocol":"rtmp","status":"opening",
         "url":"rtmp://host:1935/app/one?key=s3cret","time":"2021-05-12T13:45:00.000Z"}}
        """

    private func oven(_ body: String) -> HookRequest {
        let code = HMAC<Insecure.SHA1>.authenticationCode(for: Array(body.utf8), using: key)
        return Sent.json(body, ["X-OME-Signature": coded(code)])
    }

    @Test func ovenMediaEngineTellsAddressAndPort() throws {
        let hook = try #require(
            try PublishHook.read(oven(Self.admission), from: .ovenMediaEngine, secret: secret))
        #expect((hook.kind, hook.path) == (.publish, "app/one"))
        #expect(hook.publisher == StreamPublisher(id: nil, peer: "211.233.58.86:29291"))
        #expect(!"\(hook)".contains("s3cret"))
        let end = Self.admission.replacing("opening", with: "closing")
            .replacing("211.233.58.86", with: "2001:db8::1")
        let closed = try PublishHook.read(oven(end), from: .ovenMediaEngine, secret: secret)
        #expect(closed?.kind == .unpublish && closed?.publisher.peer == "[2001:db8::1]:29291")
        let viewer = Self.admission.replacing("incoming", with: "outgoing")
        #expect(
            try PublishHook.read(oven(viewer), from: .ovenMediaEngine, secret: secret) == nil)
    }

    @Test(arguments: [
        "rtmp://host/app", "host/app/one", "rtmp://host//one", "rtmp://host/app/",
        "rtmp://host/app/%2e%2e", "rtmp://host/%2e./one", "rtmp://host/app/%zz",
        "rtmp://host/app/a%2Fb", "",
    ])
    func ovenMediaEnginesBadAddressesAreRefused(_ url: String) {
        let body = Self.admission.replacing("rtmp://host:1935/app/one?key=s3cret", with: url)
        #expect(refusal(oven(body), from: .ovenMediaEngine, secret: secret)?.code == .malformed)
    }

    @Test func ovenMediaEnginesSignatureIsChecked() {
        let missing = Sent.json(Self.admission)
        #expect(refusal(missing, from: .ovenMediaEngine, secret: secret)?.code == .unauthentic)
        var changed = oven(Self.admission)
        changed.body[20] ^= 1
        #expect(refusal(changed, from: .ovenMediaEngine, secret: secret)?.code == .unauthentic)
        for wrong in ["", "AAAA", "not base64 at all!", String(repeating: "A", count: 10_000)] {
            let request = Sent.json(Self.admission, ["X-OME-Signature": wrong])
            #expect(refusal(request, from: .ovenMediaEngine, secret: secret)?.code == .unauthentic)
        }
        #expect(refusal(missing, from: .ovenMediaEngine) == nil)
    }

    // MARK: LiveKit

    private func liveKit(
        _ body: String, signing: SymmetricKey? = nil, ends: Int = 1_700_000_300,
        header: String = #"{"alg":"HS256"}"#, of other: String? = nil
    ) -> HookRequest {
        let digest = Data(SHA256.hash(data: Array((other ?? body).utf8))).base64EncodedString()
        let claims = #"{"iss":"key","nbf":1700000000,"exp":\#(ends),"sha256":"\#(digest)"}"#
        let covered = "\(coded(header.utf8)).\(coded(claims.utf8))"
        let code = HMAC<SHA256>.authenticationCode(
            for: Array(covered.utf8), using: signing ?? key)
        return Sent.json(body, ["Authorization": "\(covered).\(coded(code))"])
    }

    private static let track = """
        {"event":"track_published","room":{"sid":"RM_1","name":"room one"},
         "participant":{"sid":"PA_1","identity":"alice"},
         "track":{"sid":"TR_1","type":"VIDEO","source":"CAMERA"},"id":"EV_1","createdAt":"1"}
        """

    @Test func liveKitTellsVideoTracksAndIngress() throws {
        let hook = try #require(
            try PublishHook.read(liveKit(Self.track), from: .liveKit, secret: secret))
        #expect((hook.kind, hook.path) == (.publish, "room one/alice"))
        let audio = Self.track.replacing(#""type":"VIDEO","#, with: "")
        #expect(try PublishHook.read(liveKit(audio), from: .liveKit, secret: secret) == nil)
        let left = Self.track.replacing("track_published", with: "participant_left")
        #expect(
            try PublishHook.read(liveKit(left), from: .liveKit, secret: secret)?.kind
                == .unpublish)
        let ingress = """
            {"event":"ingress_started","ingressInfo":{"ingressId":"IN_1","roomName":"r",
             "participantIdentity":"obs"}}
            """
        let begun = try PublishHook.read(liveKit(ingress), from: .liveKit, secret: secret)
        #expect(begun?.path == "r/obs" && begun?.publisher.id == "IN_1")
    }

    @Test func liveKitsTokenIsChecked() {
        func code(_ request: HookRequest) -> HookError.Code? {
            refusal(request, from: .liveKit, secret: secret)?.code
        }
        #expect(code(Sent.json(Self.track)) == .unauthentic)
        #expect(code(liveKit(Self.track, signing: SymmetricKey(size: .bits256))) == .unauthentic)
        #expect(code(liveKit(Self.track, ends: 1_699_999_000)) == .unauthentic)
        #expect(code(liveKit(Self.track, of: "another body")) == .unauthentic)
        #expect(code(Sent.json(Self.track, ["Authorization": "a.b.c"])) == .unauthentic)
        // An unsigned token that says so itself.
        let claims = coded(#"{"exp":9999999999}"#.utf8)
        let unsigned = "\(coded(#"{"alg":"none"}"#.utf8)).\(claims)."
        #expect(code(Sent.json(Self.track, ["Authorization": unsigned])) == .unauthentic)
    }

    // MARK: Cloudflare

    @Test func cloudflareSendsItsSecretAlong() throws {
        let body = """
            {"name":"Live","text":"…","data":{"notification_name":"Stream Live Input",
             "input_id":"eb222fcca08eeb1ae84c981ebe8aeeb6","event_type":"live_input.connected",
             "updated_at":"2022-01-13T11:43:41.855717910Z"},"ts":1642074233}
            """
        let request = Sent.json(body, ["cf-webhook-auth": "a shared secret"])
        let hook = try PublishHook.read(request, from: .cloudflareStream, secret: secret)
        #expect(hook?.path == "eb222fcca08eeb1ae84c981ebe8aeeb6")
        for wrong in ["", "a shared secre", "a shared secret "] {
            let other = Sent.json(body, ["cf-webhook-auth": wrong + "x"])
            #expect(refusal(other, from: .cloudflareStream, secret: secret)?.code == .unauthentic)
        }
        let failed = body.replacing("input.connected", with: "input.errored")
        let ignored = Sent.json(failed, ["cf-webhook-auth": "a shared secret"])
        #expect(try PublishHook.read(ignored, from: .cloudflareStream, secret: secret) == nil)
    }

    // MARK: Secrets

    @Test func secretsPrintThemselvesNowhere() {
        var text = ""
        dump(secret, to: &text)
        #expect(!"\(secret) \(String(reflecting: secret)) \(text)".contains("shared"))
        #expect(SecretText("") == nil && SecretText("a\nb") == nil)
        #expect(SecretText(String(repeating: "a", count: SecretText.longest + 1)) == nil)
    }

    @Test func secretsComeFromFilesThatNotEveryoneReads() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/secret"
        func write(_ text: String, mode: Int) throws {
            try Data(text.utf8).write(to: URL(filePath: path))
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }
        try write("a shared secret\r\n", mode: 0o640)
        #expect(try SecretText(file: path) == secret)
        try write("a shared secret\n", mode: 0o644)
        #expect { try SecretText(file: path) } throws: { "\($0)".contains("chmod 600") }
        try write(String(repeating: "a", count: 5000), mode: 0o600)
        #expect { try SecretText(file: path) } throws: { "\($0)".contains("larger than") }
        for text in ["", "\n", "a\nb\n"] {
            try write(text, mode: 0o600)
            #expect { try SecretText(file: path) } throws: { "\($0)".contains("holds no secret") }
        }
        #expect(throws: ServeError.self) { try SecretText(file: folder) }
        #expect(throws: ServeError.self) { try SecretText(file: folder + "/none") }
    }
}
