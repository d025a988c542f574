// Renderings of events: what they say is what the body says, whatever stands in it.

import Foundation
import Match
import Report
import TestSupport
import Testing

@Suite struct EventRenderingTests {
    private let naming: CloudEventNaming

    init() throws {
        naming = try CloudEventNaming(
            source: "https://vigil.example/edge-1", typePrefix: "example.")
    }

    private func object(_ bytes: [UInt8]) throws -> NSDictionary {
        try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? NSDictionary)
    }

    private func awkward() -> EventPayload {
        var alert = Events.alert()
        alert.input = "a \"quoted\" \\ } , : { [ name\n\u{1}语 {{known.item}} <!channel> &"
        return .alert(
            .alertOpened, alert, at: noon, opened: noon, stream: Events.stream(),
            policy: Events.policy, origin: Events.origin)
    }

    @Test func nativeIsTheBodyItself() throws {
        let body = awkward().body(id: makeID(5))
        let rendered = try EventRendering.native.render(body, id: makeID(5))
        #expect(rendered.body == body)
        #expect(rendered.headers == [.init("content-type", "application/json")])
    }

    @Test func aStructuredCloudEventHasAllInItsBody() throws {
        for payload in Events.all + [awkward()] {
            let body = payload.body(id: makeID(5))
            let rendering = EventRendering.cloudEventsStructured(naming)
            let rendered = try rendering.render(body, id: makeID(5))
            #expect(
                rendered.headers
                    == [.init("content-type", "application/cloudevents+json; charset=utf-8")])
            let (event, original) = (try object(rendered.body), try object(body))
            #expect(event["data"] as? NSDictionary == original["data"] as? NSDictionary)
            #expect(event["time"] as? String == original["timestamp"] as? String)
            #expect(event["type"] as? String == "example." + payload.kind.rawValue)
            #expect(event["id"] as? String == makeID(5).description)
            #expect(event["source"] as? String == naming.source)
            #expect(event["specversion"] as? String == "1.0")
            #expect(event["datacontenttype"] as? String == "application/json")
            #expect(event.count == 7)
            #expect(try rendering.render(body, id: makeID(5)) == rendered)
        }
    }

    @Test func aBinaryCloudEventHasItsAttributesInHeaders() throws {
        let odd = try CloudEventNaming(source: "urn:vigil:100%25:~edge", typePrefix: "")
        let body = awkward().body(id: makeID(5))
        let rendered = try EventRendering.cloudEventsBinary(odd).render(body, id: makeID(5))
        #expect(
            rendered.headers == [
                .init("content-type", "application/json"), .init("ce-id", makeID(5).description),
                .init("ce-source", "urn:vigil:100%2525:~edge"), .init("ce-specversion", "1.0"),
                .init("ce-time", "2025-06-15T15:06:40.000Z"), .init("ce-type", "alert.opened"),
            ])
        let original = try object(body)
        #expect(try object(rendered.body) == original["data"] as? NSDictionary)
    }

    @Test func headerValuesArePercentEncoded() {
        // The example of the binding, section 3.1.3.2, and what else it names.
        #expect(CloudEventNaming.headerValue("Euro € 😀") == "Euro%20%E2%82%AC%20%F0%9F%98%80")
        #expect(CloudEventNaming.headerValue("a\"b%\u{7f}\r\n") == "a%22b%25%7F%0D%0A")
    }

    @Test func namingIsChecked() throws {
        for source in ["", "a b", "a\"b", "ü", "a\r\nx: y", String(repeating: "a", count: 501)] {
            #expect(try reportError { try CloudEventNaming(source: source) }.code == .invalidValue)
        }
        let error = try reportError { try CloudEventNaming(source: "a", typePrefix: "a b") }
        #expect(error.code == .invalidValue)
    }

    private func filled(_ template: ChatTemplate, _ payload: EventPayload) throws -> NSDictionary {
        let body = payload.body(id: makeID(5))
        return try object(try EventRendering.chat(template).render(body, id: makeID(5)).body)
    }

    @Test func aTextTemplateBecomesAMessage() throws {
        let template = try ChatTemplate(
            text: "{{type}}: \"{{ known.item }}\" at {{evidence.best_distance}} in {{input}}, "
                + "{{stream.labels.room}} {{attribution.source_port}} {{known.source}}\n")
        #expect(
            try filled(template, awkward())["text"] as? String
                == "alert.opened: \"bird-1\" at 12 in a \"quoted\" \\ } , : { [ name\n\u{1}语 "
                + "{{known.item}} <!channel> &, 7 4711 -\n")
        // What an event does not have is a dash.
        #expect(
            try filled(template, .test(message: "", at: noon, origin: Events.origin))["text"]
                as? String == "webhook.test: \"-\" at - in -, - - -\n")
    }

    @Test func noChatToolIsToldToCallAnybody() throws {
        let calling = try ChatTemplate(text: "@here {{message}}", escaping: .mentions)
        let test = EventPayload.test(
            message: "<!channel> @everyone", at: noon, origin: Events.origin)
        #expect(
            try filled(calling, test)["text"] as? String
                == "@here <\u{200b}!channel> @\u{200b}everyone")
        let template = try ChatTemplate(text: "{{input}}", escaping: .slack)
        let text = try #require(try filled(template, awkward())["text"] as? String)
        #expect(text.contains("&lt;!channel&gt; &amp;") && !text.contains("<"))
    }

    @Test func aJSONTemplateStaysJSON() throws {
        let template = try ChatTemplate(
            json: #"""
                {"title": "of {{known.set}}", "n": {{evidence.frames_matched}}, "nested": {"a":
                 [{{known.item}}, {{closed_at}}]}}
                """#)
        let message = try filled(template, awkward())
        #expect(message["title"] as? String == "of birds")
        #expect(message["n"] as? Int == 3)
        let list = (message["nested"] as? [String: Any])?["a"] as? [Any]
        #expect(list?.first as? String == "bird-1" && list?.last is NSNull)
    }

    @Test(arguments: [
        "{{known.itme}}", "{{data.input}}", "{{known}}", "{{stream}}", "{{}}", "{{a..b}}",
        "{{input", "{{stream.labels}}", "{{input}} {{nothing}}",
        String(repeating: "{{input}}", count: 33), String(repeating: "a", count: 9000),
    ])
    func aTemplateThatCannotBeFilledIsRefused(_ text: String) throws {
        let error = try reportError { try ChatTemplate(text: text) }
        #expect(error.code == .invalidValue)
    }

    @Test func anUnknownPathIsNamedWithThoseThereAre() throws {
        let message = try reportError { try ChatTemplate(text: "{{known.itme}}") }.message
        #expect(message.contains("known.itme") && message.contains("known.item,"))
    }

    @Test(arguments: ["", "[]", "{", #"{"a": {{input}}"#, #"{"a": x{{input}}}"#, "{{input}}"])
    func whatIsNoJSONIsRefused(_ json: String) throws {
        #expect(try reportError { try ChatTemplate(json: json) }.code == .invalidValue)
    }

    @Test func whatIsNoEventIsRefused() throws {
        let rendering = EventRendering.cloudEventsStructured(naming)
        let good = Events.bare.body(id: makeID(5))
        for length in 0..<good.count {
            _ = try? rendering.render(Array(good[..<length]), id: makeID(5))
        }
        for bad in [
            "", "{}", "[1]", "{\"a\"}", #"{"data":1,"timestamp":"","type":""}"#, "\"", "{,}",
        ] {
            let error = try reportError { try rendering.render(Array(bad.utf8), id: makeID(5)) }
            #expect(error.code == .invalidValue)
        }
    }

    @Test func noBytesTrapIt() throws {
        var random = SeededGenerator(seed: 11)
        let rendering = EventRendering.cloudEventsStructured(naming)
        let good = awkward().body(id: makeID(5))
        for text in [" ", "   \n", "{ }", "{ \"type\" : }", "{\"a\":", "\"", ":", ",", "\\"] {
            #expect(throws: ReportError.self) {
                try rendering.render(Array(text.utf8), id: makeID(5))
            }
            #expect(EventPayload.type(of: Array(text.utf8)) == nil)
        }
        var refused = 0
        for _ in 0..<3000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                let odd = Array("{}[]\":,\\ \n0".utf8).randomElement(using: &random) ?? 0
                if Bool.random(using: &random) {
                    bytes[place] = odd
                } else {
                    bytes.remove(at: place)
                }
            }
            if (try? rendering.render(bytes, id: makeID(5))) == nil { refused += 1 }
            _ = EventPayload.type(of: bytes)
        }
        #expect(refused > 100)
    }
}

extension RenderedEvent.Header {
    fileprivate init(_ name: String, _ value: String) { self.init(name: name, value: value) }
}
