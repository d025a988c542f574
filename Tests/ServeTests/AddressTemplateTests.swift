// Templates of addresses: no name changes where an address leads.

import Serve
import Testing

@Suite struct AddressTemplateTests {
    private func filled(
        _ template: String, app: String, name: String, vhost: String = ""
    ) throws
        -> String
    {
        try AddressTemplate(template).address(
            of: PublishHook(.publish, app: app, name: name, vhost: vhost))
    }

    @Test func fieldsAreFilledIn() throws {
        #expect(
            try filled("rtmp://127.0.0.1:1935/{app}/{name}", app: "live", name: "one")
                == "rtmp://127.0.0.1:1935/live/one")
        #expect(
            try filled("http://h/{path}.m3u8?v={vhost}", app: "a/b", name: "c", vhost: "v&w")
                == "http://h/v%26w/a/b/c.m3u8?v=v%26w")
        #expect(
            try filled("srt://h:8890?streamid=read:{name}", app: "", name: "a b+c")
                == "srt://h:8890?streamid=read:a%20b%2Bc")
        #expect(try filled("http://h/x.ts", app: "a", name: "b") == "http://h/x.ts")
    }

    /// Whatever a publisher calls a stream, the address has the template's host and shape.
    @Test(arguments: [
        "@evil.example", "?x=1", "#frag", "a&b=c", "%2e%2e", "a:b@c", " ", "..%2f", "é", "[::1]",
        "a%00", "\"quoted\"", "'; rm -rf '", "{name}", "...", "a=b;c", "\u{1F600}",
    ])
    func noNameChangesWhereAnAddressLeads(_ name: String) throws {
        let path = try filled("https://cdn.example/live/{name}/index.m3u8", app: "", name: name)
        #expect(path.hasPrefix("https://cdn.example/live/"))
        let inner = path.dropFirst("https://cdn.example/live/".count).dropLast("/index.m3u8".count)
        #expect(!inner.contains { "/?#&:[]{}\" %".contains($0) && $0 != "%" })
        #expect(inner.utf8.allSatisfy { $0 > 32 && $0 < 127 })
        let query = try filled("https://cdn.example/play?id={name}&x=1", app: "", name: name)
        #expect(query.filter { $0 == "&" || $0 == "=" || $0 == "?" || $0 == "#" } == "?=&=")
        let rtmp = try? filled("rtmp://127.0.0.1/live/{name}", app: "", name: name)
        #expect(rtmp.map { !$0.contains("%") && !$0.contains("?") } ?? true)
    }

    @Test(arguments: ["", ".", "..", "a/b", "a\\b", "a\u{0}b", "a\nb", "a\u{202e}b"])
    func namesThatAreNoneAreRefused(_ name: String) {
        #expect(throws: HookError.self) {
            try filled("https://h/{name}", app: "live", name: name)
        }
    }

    @Test(arguments: [
        ("rtmp://{app}/{name}", "host"), ("rtmp://h{name}", "host"), ("{path}", "scheme"),
        ("rtmp:///{name}", "host"), ("http://h/{nmae}", "{nmae}"), ("http://h/{name", "brace"),
        ("http://h/name}", "brace"), ("http://h/{publisher}", "{publisher}"),
        ("http://h/a b/{name}", "space"), ("http://h/#{name}", "#"), ("", "scheme"),
        ("://h/{name}", "scheme"), ("http://u{name}@h/", "host"),
    ])
    func mistakesInATemplateAreTold(_ template: String, _ why: String) {
        #expect { try AddressTemplate(template) } throws: { "\($0)".contains(why) }
    }

    @Test func mistakesDoNotShowAPassword() {
        #expect { try AddressTemplate("rtsp://user:hunter2@h/{nam}") } throws: {
            !"\($0)".contains("hunter2")
        }
    }

    @Test func aStreamWithoutAnApplicationIsTold() {
        #expect { try filled("rtmp://h/{app}/{name}", app: "", name: "one") } throws: {
            "\($0)".contains("{path}")
        }
    }
}
