// Bodies of events: their fields, their bounds, and that they fit their schemas in docs/schemas.

import Foundation
import Match
import Report
import TestSupport
import Testing

/// Events with all that can be known and with as little as possible.
enum Events {
    static let origin = EventOrigin(host: "edge-1", vigilVersion: "0.1.0")
    static let policy = EventPolicy(name: "default", version: "3")

    static func stream(_ peer: String? = "192.0.2.7:4711") -> WatchedStream {
        WatchedStream(
            id: StreamID(makeID(7)), address: "rtmp://127.0.0.1/live/s3cret",
            name: "rtmp://127.0.0.1/live/…", labels: ["account_id": "a-17", "room": "7"],
            publisher: StreamPublisher(id: "1", peer: peer), startedUnixMilliseconds: noon)
    }

    static func alert(isLive: Bool = true) -> Alert {
        var alert = makeAlert(1)
        guard isLive else { return alert }
        alert.stream = AlertStream(
            id: makeID(7).description, frameArrivedUnixMilliseconds: noon - 250,
            examinedSeconds: 61.23456, missedSeconds: 2)
        return alert
    }

    static func full(
        _ kind: EventKind = .alertOpened, peer: String? = "192.0.2.7:4711"
    )
        -> EventPayload
    {
        .alert(
            kind, alert(), at: noon, opened: noon - 100,
            closed: kind == .alertClosed ? noon : nil, stream: stream(peer),
            known: KnownFacts(setVersion: 4, source: "a hotline", legalBasis: "a statute"),
            policy: policy, origin: origin, clockErrorBound: 0.0125)
    }

    static let bare = EventPayload.alert(
        .alertOpened, alert(isLive: false), at: noon, opened: noon, policy: policy, origin: origin)

    static var all: [EventPayload] {
        var minute = CoverageMinute(startUnixSeconds: noon / 1000)
        (minute.examinedSeconds, minute.missedSeconds) = (30, [.overload: 20, .noKeyframe: 10])
        let steps = [
            AlertStep(.detected, at: noon), AlertStep(.stopRequested, at: noon + 10),
            AlertStep(.stopRequested, at: noon + 900), AlertStep(.confirmedGone, at: noon + 1000),
        ]
        let range = noon / 1000..<noon / 1000 + 60
        return [full(), full(.alertUpdated), full(.alertClosed), full(peer: nil), bare] + [
            .streamStopped(
                makeID(1), outcome: .confirmedGone, steps: steps, stream: stream(), detail: "gone",
                at: noon, origin: origin),
            .streamStopped(
                makeID(1), outcome: .givenUp, steps: [], stream: nil, detail: "", at: noon,
                origin: origin),
            .streamUnexamined(
                stream(), in: range, coverage: minute, threshold: 0.9, at: noon, origin: origin),
            .streamUnexamined(
                stream(nil), in: range, coverage: CoverageMinute(startUnixSeconds: 0),
                threshold: 0.9, at: noon, origin: origin),
            .knownUpdated(
                set: "birds", from: 3, to: 4, added: 9, removed: 1, at: noon, origin: origin),
            .knownUpdated(
                set: "birds", from: nil, to: 1, added: 9, removed: 0, at: noon, origin: origin),
            .streamHeldBack(
                stream(),
                StreamSuspicion(
                    key: "", falls: 2, fellUnixMilliseconds: noon,
                    nextUnixMilliseconds: noon + 600_000, reason: "the service fell with it"),
                at: noon, origin: origin),
            .canaryFailed(lastPassed: noon - 301_500, at: noon, origin: origin),
            .canaryFailed(lastPassed: nil, at: noon, origin: origin),
            .probingSuspected(
                ProbingSource(.account, "a-17"), known: makeAlert(1).known, variants: 24,
                since: noon - 60_000, stream: stream(), at: noon, origin: origin),
            .probingSuspected(
                ProbingSource(.host, "cdn.example"), known: makeAlert(1).known, variants: 24,
                since: noon, stream: nil, at: noon, origin: origin),
            .test(message: "a try", at: noon, origin: origin),
        ]
    }
}

@Suite struct EventTests {
    private func object(_ payload: EventPayload) throws -> [String: Any] {
        let body = Data(payload.body(id: makeID(99)))
        return try #require(try JSONSerialization.jsonObject(with: body) as? [String: Any])
    }

    private func data(_ payload: EventPayload) throws -> [String: Any] {
        try #require(try object(payload)["data"] as? [String: Any])
    }

    @Test func aBodyIsTheSameBytesEachTime() throws {
        let text = String(decoding: Events.bare.body(id: makeID(99)), as: UTF8.self)
        let expected =
            #"{"data":{"alert_id":"\#(makeID(1))","attribution":{"account_id":null,"#
            + #""clock_error_bound_s":null,"detected_at":"2025-06-15T15:06:40.000Z","#
            + #""first_frame_arrived_at":null,"frame_arrived_at":null,"source_address":null,"#
            + #""source_port":null},"closed_at":null,"#
            + #""coverage":null,"event_id":"\#(makeID(99))","evidence":{"band":"close","best_distance":12,"#
            + #""first_media_s":1.5,"frames_matched":3,"known_share":0.5,"last_media_s":9.25,"#
            + #""rule":"video-default","variant":"original"},"input":"/clips/a.mp4","known":"#
            + #"{"category":"benign","item":"bird-1","legal_basis":null,"set":"birds","#
            + #""set_version":null,"source":null},"opened_at":"2025-06-15T15:06:40.000Z","origin":"#
            + #"{"host":"edge-1","vigil_version":"0.1.0"},"policy":{"name":"default","version":"3"},"#
            + #""schema_version":1,"stream":null,"verdict":null},"timestamp":"2025-06-15T15:06:40.000Z","#
            + #""type":"alert.opened"}"#
        #expect(text == expected)
        for payload in Events.all {
            #expect(payload.body(id: makeID(99)) == payload.body(id: makeID(99)))
        }
    }

    @Test func attributionHasWhatTheMediaServerTold() throws {
        let attribution = try #require(
            try data(Events.full())["attribution"] as? [String: Any])
        #expect(attribution["source_address"] as? String == "192.0.2.7")
        #expect(attribution["source_port"] as? Int == 4711)
        #expect(attribution["account_id"] as? String == "a-17")
        #expect(attribution["frame_arrived_at"] as? String == "2025-06-15T15:06:39.750Z")
        #expect(attribution["detected_at"] as? String == "2025-06-15T15:06:39.900Z")
        #expect(attribution["clock_error_bound_s"] as? Double == 0.013)
        let unknown = try #require(
            try data(Events.full(peer: "2001:db8::1"))["attribution"] as? [String: Any])
        #expect(unknown["source_address"] as? String == "2001:db8::1")
        #expect(unknown["source_port"] is NSNull)
        let coverage = try #require(try data(Events.full())["coverage"] as? [String: Any])
        #expect(coverage["examined_s"] as? Double == 61.235)
    }

    @Test(
        arguments: [
            ("192.0.2.7", "192.0.2.7", nil), ("192.0.2.7:4711", "192.0.2.7", 4711),
            ("2001:db8::1", "2001:db8::1", nil), ("[2001:db8::1]", "2001:db8::1", nil),
            ("[2001:db8::1]:4711", "2001:db8::1", 4711),
            ("::ffff:192.0.2.7", "::ffff:192.0.2.7", nil),
            ("[fe80::1%eth0]:65535", "fe80::1%eth0", 65535), ("192.0.2.7:0", "192.0.2.7", nil),
            ("192.0.2.7:65536", "192.0.2.7", nil), ("192.0.2.7:+1", "192.0.2.7", nil),
            ("192.0.2.7:", "192.0.2.7", nil), ("[::1]x:5", "::1", nil),
            ("edge.example:80", "edge.example", 80),
        ] as [(String, String, Int?)])
    func aPeerIsTakenApart(_ peer: String, _ address: String, _ port: Int?) throws {
        let source = try #require(SourceAddress(peer))
        #expect((source.address, source.port) == (address, port))
    }

    @Test func whatIsNoAddressIsNone() {
        for peer in ["", ":80", "[", "[]", "[]:80", "[::1"] { #expect(SourceAddress(peer) == nil) }
    }

    @Test func noSecretIsInABody() throws {
        for payload in Events.all {
            let text = String(decoding: payload.body(id: makeID(99)), as: UTF8.self)
            #expect(!text.contains("s3cret"))
        }
    }

    @Test func bodiesStayShortWhateverIsInThem() throws {
        for unit in ["a", "\"", "\u{1}", "\u{7f}", "ß", "語", "👩‍👩‍👧‍👦", "\n", "/", "\u{2028}"] {
            let long = String(repeating: unit, count: 5000)
            var stream = Events.stream(long)
            stream.name = long
            stream.labels = ["account_id": long]
            for number in 0..<50 { stream.labels["\(number)\(long)"] = long }
            var alert = Events.alert()
            (alert.input, alert.variant, alert.rule) = (long, long, long)
            alert.known = KnownReference(set: long, item: long, category: long)
            (alert.firstSeen, alert.lastSeen) = (.infinity, -.greatestFiniteMagnitude)
            (alert.knownShare, alert.framesMatched) = (.nan, .max)
            let origin = EventOrigin(host: long, vigilVersion: long)
            let payload = EventPayload.alert(
                .alertClosed, alert, at: .max, opened: .min, closed: .max, stream: stream,
                known: KnownFacts(setVersion: .min, source: long, legalBasis: long),
                policy: EventPolicy(name: long, version: long), origin: origin,
                clockErrorBound: 1e300)
            let body = payload.body(id: makeID(1))
            #expect(
                body.count < EventPayload.mostBytes,
                "\(body.count) bytes of \(unit.debugDescription)")
            let labels =
                (try data(payload)["stream"] as? [String: Any])?["labels"] as? [String: Any]
            #expect(labels?.count == 16)
            #expect(try EventPayload(body: body).body(id: makeID(1)) == body)
        }
    }

    @Test func aBodyCanBeReadBack() throws {
        for payload in Events.all {
            #expect(try EventPayload(body: payload.body(id: makeID(3))) == payload)
        }
        for bad in ["", "{}", "[]", #"{"type":"x","timestamp":"","data":{}}"#] {
            let error = try reportError { try EventPayload(body: Array(bad.utf8)) }
            #expect(error.code == .invalidValue)
        }
    }

    @Test func timesAreInUTCWithMilliseconds() throws {
        let cases: [(Int64, String)] = [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (.max, "9999-12-31T23:59:59.999Z"), (.min, "0000-01-01T00:00:00.000Z"),
        ]
        for (time, text) in cases {
            let payload = EventPayload.test(message: "", at: time, origin: Events.origin)
            #expect(try object(payload)["timestamp"] as? String == text)
        }
        var random = SeededGenerator(seed: 5)
        for _ in 0..<2000 {
            let time = EventTime(
                Int64.random(in: -62_167_219_200_000...253_402_300_799_999, using: &random))
            let text = try JSONEncoder().encode(time)
            #expect(try JSONDecoder().decode(EventTime.self, from: text) == time)
        }
    }

    @Test func bodiesFitTheirSchemas() throws {
        guard let python = try PythonEnvironment.find("jsonschema", ["jsonschema==4.25.1"]) else {
            return
        }
        try withDirectory { folder in
            for (number, payload) in Events.all.enumerated() {
                let body = payload.body(id: makeID(99))
                try Data(body).write(to: URL(filePath: "\(folder)/\(number).json"))
                try Data(try EventPayload.coarse(body)).write(
                    to: URL(filePath: "\(folder)/\(number)-coarse.json"))
            }
            try Data(Self.validation.utf8).write(to: URL(filePath: "\(folder)/validate.py"))
            let process = Process()
            let output = Pipe()
            process.executableURL = URL(filePath: python.program("python"))
            process.arguments = ["\(folder)/validate.py", PythonEnvironment.root, folder]
            process.standardOutput = output
            process.standardError = output
            try process.run()
            let said = String(
                decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0, "\(said)")
            #expect(
                said.contains("\(2 * Events.all.count) bodies of \(EventKind.allCases.count) kinds")
            )
        }
    }

    /// Validates every body twice.
    ///
    /// As the schemas stand, and with no field allowed that they do not
    /// name, so that none is forgotten in them. A body with any field taken out has to fail.
    private static let validation = """
        import copy, glob, json, sys
        from jsonschema import Draft202012Validator
        root, folder = sys.argv[1:]
        def strict(schema):
            if isinstance(schema, list): return [strict(part) for part in schema]
            if not isinstance(schema, dict): return schema
            closed = {"additionalProperties": False} if schema.get("additionalProperties") is True else {}
            return {name: strict(part) for name, part in schema.items()} | closed
        validators = {}
        for path in glob.glob(root + "/docs/schemas/*.schema.json"):
            schema = json.load(open(path))
            Draft202012Validator.check_schema(schema)
            assert schema["$id"].endswith("/v1/" + path.rsplit("/", 1)[1]), path
            kind = schema["properties"]["type"]
            for name in kind.get("enum", [kind.get("const")]):
                validators[name] = [Draft202012Validator(s) for s in (schema, strict(schema))]
        def places(value, path=()):
            for name, part in value.items():
                yield path + (name,)
                if isinstance(part, dict) and name != "labels":
                    yield from places(part, path + (name,))
        seen, count = set(), 0
        for path in glob.glob(folder + "/*.json"):
            body = json.load(open(path))
            for validator in validators[body["type"]]:
                problems = [e.message + " at " + e.json_path for e in validator.iter_errors(body)]
                assert not problems, (body["type"], problems)
            for place in places(body):
                broken = copy.deepcopy(body)
                inner = broken
                for name in place[:-1]: inner = inner[name]
                del inner[place[-1]]
                assert not validators[body["type"]][0].is_valid(broken), (body["type"], place)
            seen.add(body["type"]); count += 1
        assert seen == set(validators), seen ^ set(validators)
        print(f"{count} bodies of {len(seen)} kinds fit")
        """
}
