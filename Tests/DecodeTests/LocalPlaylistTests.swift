// What a playlist on a disk may lead to, as far as its text tells.

import Decode
import Testing

@Suite struct LocalPlaylistTests {
    @Test(arguments: ["list.m3u8", "/a.b/LIST.M3U8", "x.m3u", "a/.m3u8", "odd.mp4.m3u8"])
    func playlistsThatAreCalledSo(_ name: String) {
        #expect(LocalPlaylist.refusal(ofName: name) == nil)
    }

    @Test func playlistsInDisguise() {
        for (name, called) in [
            ("a.mp4", ".mp4"), ("/x.m3u8/a.jpg", ".jpg"), ("a.m3u8.ts", ".ts"), ("a.", "."),
            ("a.m3u8 ", ".m3u8 "),
        ] {
            #expect(
                LocalPlaylist.refusal(ofName: name)
                    == "is a playlist in a file called \(called): not followed")
        }
        for name in ["upload", "/x.m3u8/upload", "m3u8"] {
            #expect(LocalPlaylist.refusal(ofName: name)?.contains("not called .m3u8") == true)
        }
    }

    private func problem(of address: String) -> PartProblem? {
        do {
            _ = try LocalPlaylist.name(of: address)
            return nil
        } catch {
            return error.problem
        }
    }

    @Test func addressesThatTheLibraryComesBackWith() throws {
        #expect(try LocalPlaylist.name(of: LocalPlaylist.address(of: "a/b.ts")) == "a/b.ts")
        // The kernel decides on these.
        #expect(try LocalPlaylist.name(of: "file:here/../b.ts") == "../b.ts")
        #expect(try LocalPlaylist.name(of: "file:here/100%.ts") == "100%.ts")
        #expect(try LocalPlaylist.name(of: "file:here/a%20b%zz.ts") == "a%20b%zz.ts")
        for outside in ["file:/etc/passwd", "file:///etc/passwd", "file:b.ts", "file://h/b.ts"] {
            #expect(problem(of: outside) == .leadsOut, "\(outside)")
        }
        for address in ["http://h/b.ts", "FILE:/etc/passwd", "crypto:file:here/b.ts", "data:,x"] {
            #expect(problem(of: address) == .address, "\(address)")
        }
        for name in [
            "%2e%2e/b.ts", "%2E./b.ts", "a%2fb.ts", "a%5Cb.ts", "a%00.ts", "..\\b.ts", "a%0ab",
            "a%7fb",
        ] {
            #expect(problem(of: "file:here/" + name) == .coded, "\(name)")
        }
    }

    @Test func namesThatTheLibraryWouldDropWithoutAWord() {
        let text = """
            #EXTM3U
            #EXT-X-KEY:METHOD=AES-128,URI="skd://key"
            #EXT-X-MAP:BYTERANGE="1@0",URI="concat:a|b"\r\n#EXTINF:2,
            seg.ts\r#EXTINF:2,
             HTTP://user:secret@host/x.ts
            FILE:///etc/passwd
            file:///etc/passwd
            sub/a:b.ts\0subfile:x
            #comment:x
            #EXT-X-MEDIA:TYPE=AUDIO,URI="audio.m3u8"
            """
        let names = LocalPlaylist.names(in: Array(text.utf8))
        #expect(names.count == 9)
        #expect(
            names.addresses == [
                "skd://key", "concat:a|b", "HTTP://user:secret@host/x.ts", "FILE:///etc/passwd",
                "subfile:x",
            ])
        #expect(LocalPlaylist.names(in: []).count == 0)
        #expect(LocalPlaylist.names(in: Array("#EXT-X-KEY:URI=\"".utf8)).count == 1)
    }

    @Test func theTallyTellsReasonsAndNoSecrets() {
        var tally = PartTally()
        #expect(tally.line == nil)
        tally.note(.missing, "seg1.ts?token=abc")
        tally.note(.missing, "seg1.ts?token=abc")
        tally.note(.missing, "seg2.ts")
        tally.note(.address, "http://user:secret@host/x.ts")
        #expect(
            tally.line
                == "3 of the parts that it names could not be opened: "
                + "no such file (2: seg1.ts, …); "
                + "an address, which a playlist on a disk may not name (http:…)")
        tally.note(.leadsOut, String(repeating: "/long", count: 1000))
        #expect(tally.count == 4 && (tally.line?.count ?? 0) < 400)
    }
}
