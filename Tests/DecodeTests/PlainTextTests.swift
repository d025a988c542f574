// What may stand in a line for people, and what is written out.

import Decode
import Testing

@Suite struct PlainTextTests {
    @Test(arguments: [
        ("\n", "\\u{a}"), ("\r", "\\u{d}"), ("\t", "\\u{9}"), ("\u{0}", "\\u{0}"),
        ("\u{1b}", "\\u{1b}"), ("\u{7f}", "\\u{7f}"), ("\u{85}", "\\u{85}"),
        ("\u{9b}", "\\u{9b}"), ("\u{ad}", "\\u{ad}"), ("\u{61c}", "\\u{61c}"),
        ("\u{200b}", "\\u{200b}"), ("\u{200f}", "\\u{200f}"), ("\u{2028}", "\\u{2028}"),
        ("\u{2029}", "\\u{2029}"), ("\u{202e}", "\\u{202e}"), ("\u{2066}", "\\u{2066}"),
        ("\u{feff}", "\\u{feff}"), ("\u{e000}", "\\u{e000}"), ("\u{e0041}", "\\u{e0041}"),
        ("\u{10ffff}", "\\u{10ffff}"),
    ])
    func whatIsNotPlainIsWrittenOut(character: String, form: String) {
        #expect(PlainText.escaped("a\(character)b") == "a\(form)b")
    }

    @Test func whatIsPlainStaysAsItIs() {
        for text in ["", "plain", "Grüße, 世界", "שלום", "❤️ é", "a\\u{a}b"] {
            #expect(PlainText.escaped(text) == text)
            #expect(text.unicodeScalars.allSatisfy(PlainText.isKept))
        }
    }

    @Test func aKeptTextMayHaveJoinersAndNothingElseThatHides() {
        #expect("می\u{200c}خواهم 👨\u{200d}👩".unicodeScalars.allSatisfy(PlainText.isKept))
        for scalar in "\n\u{0}\u{9b}\u{202e}\u{200b}\u{2028}\u{feff}".unicodeScalars {
            #expect(!PlainText.isKept(scalar), "\(scalar.value)")
        }
    }

    @Test func jsonMeansTheSame() {
        #expect(
            PlainText.escapedJSON("{\"a\":\"x\u{9b}\u{202e}\u{e0041}é\"}")
                == "{\"a\":\"x\\u009b\\u202e\\udb40\\udc41é\"}")
        #expect(PlainText.escapedJSON("{\n \"a\": 1\n}") == "{\n \"a\": 1\n}")
    }
}
