// Signatures of webhooks against vectors of the reference implementations, and what a verifier
// refuses.

import Match
import Report
import Testing

private let body = Array(#"{"test": 2432232314}"#.utf8)
private let messageID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
private let signedAt: Int64 = 1_614_265_330

private func secret(_ text: String) throws -> WebhookSecret { try WebhookSecret(text) }

/// Secrets of the reference implementations' own tests.
private enum Vector {
    static let shared = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    static let sharedSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    static let signing = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="
    static let signingSignature =
        "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8"
        + "Ag=="
}

@Suite struct WebhookSecretTests {
    @Test func textsAreReadAndRefused() throws {
        #expect(try secret(Vector.shared).kind == .shared)
        #expect(try secret("  \(Vector.signing)\n").kind == .signing)
        let bytes = [UInt8](repeating: 7, count: 64)
        let longest = "whsec_" + bytes.base64
        #expect(try secret(longest).kind == .shared)
        #expect(try secret(longest.replacing("=", with: "")).kind == .shared)
        for bad in [
            "", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + [UInt8](1...23).base64,
            "whsec_" + [UInt8](0...64).base64, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS*",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=", "whsk_" + [UInt8](1...31).base64,
            "whsk_" + [UInt8](0...63).base64, "whpk_" + [UInt8](1...33).base64,
            "whsec_" + String(repeating: "A", count: 100_000), "whsec_MfKQ9r8GKYqr TwjUPD8ILPZI",
        ] {
            let error = try reportError { try secret(bad) }
            #expect(error.code == .invalidValue && error.message.contains("whsec_"))
            let quoted = bad.split(separator: "_").last.map(String.init) ?? ""
            #expect(quoted.count < 20 || !error.message.contains(quoted.prefix(20)))
        }
    }

    @Test func aSecretPrintsItselfNowhere() throws {
        for text in [Vector.shared, Vector.signing] {
            let secret = try secret(text)
            var dumped = ""
            dump(secret, to: &dumped)
            dump([secret], to: &dumped)
            let all = "\(secret) \(String(reflecting: secret)) \([secret]) \(dumped)"
            #expect(!all.contains(text.dropFirst(6).prefix(8)), "\(all)")
        }
    }

    @Test func aPairGivesItsPublicHalf() throws {
        let (made, text) = WebhookSecret.makeSigning()
        let publicText = try #require(made.publicText)
        let read = try secret(text)
        #expect(read.publicText == publicText && publicText.hasPrefix("whpk_"))
        let half = try secret(publicText)
        #expect(half.kind == .verifying && half.publicText == publicText)
        #expect(WebhookSecret.makeShared().secret.publicText == nil)
        #expect(WebhookSecret.makeShared().text != WebhookSecret.makeShared().text)
        // The form of 64 bytes has the public half behind the seed; it has to be the right one.
        let other = try #require(WebhookSecret.makeSigning().secret.publicText)
        for (half, isRight) in [(publicText, true), (other, false)] {
            let long = try [UInt8](base64: text) + [UInt8](base64: half)
            let read = try? secret("whsk_" + long.base64)
            #expect((read?.publicText == publicText) == isRight)
        }
    }
}

@Suite struct WebhookSignerTests {
    @Test func signaturesAreThoseOfTheReference() throws {
        let signer = try WebhookSigner([try secret(Vector.shared), try secret(Vector.signing)])
        let headers = try signer.headers(text: messageID, unixSeconds: signedAt, body: body)
        #expect(headers.signature == "\(Vector.sharedSignature) \(Vector.signingSignature)")
        #expect(
            headers.fields.map { "\($0.name): \($0.value)" } == [
                "webhook-id: \(messageID)", "webhook-timestamp: 1614265330",
                "webhook-signature: \(headers.signature)",
            ])
    }

    @Test func aSignerNeedsSecretsThatCanSign() throws {
        let shared = try secret(Vector.shared)
        let half = try secret(try #require(try secret(Vector.signing).publicText))
        for secrets in [[], [half], [shared, half], [shared, shared, shared, shared, shared]] {
            #expect(try reportError { try WebhookSigner(secrets) }.code == .invalidValue)
        }
    }
}

@Suite struct WebhookVerifierTests {
    private let shared = WebhookSecret.makeShared().secret
    private let pair = WebhookSecret.makeSigning().secret

    private func verified(
        _ headers: WebhookHeaders, by secrets: [WebhookSecret], body: [UInt8] = body,
        at now: Int64 = signedAt
    ) throws -> String {
        try WebhookVerifier(secrets).verify(
            id: headers.id, timestamp: headers.timestamp, signature: headers.signature, body: body,
            at: now)
    }

    private func refusal(_ body: () throws -> String) -> WebhookRefusal? {
        do { _ = try body() } catch { return error as? WebhookRefusal }
        return nil
    }

    @Test func bothSecretsVerifyWhileTheyAreExchanged() throws {
        let (old, new) = (shared, WebhookSecret.makeShared().secret)
        let half = try secret(try #require(pair.publicText))
        let headers = try WebhookSigner([new, old, pair]).headers(
            id: makeID(1), unixSeconds: signedAt, body: body)
        for held in [[old], [new], [half], [pair], [WebhookSecret.makeShared().secret, old]] {
            #expect(try verified(headers, by: held) == makeID(1).description)
        }
        let stranger = WebhookSecret.makeShared().secret
        #expect(refusal { try verified(headers, by: [stranger]) } == .badSignature)
    }

    @Test func whatWasChangedIsRefused() throws {
        let headers = try WebhookSigner([shared]).headers(
            id: makeID(1), unixSeconds: signedAt, body: body)
        let verifier = try WebhookVerifier([shared])
        func refused(id: String? = nil, time: String? = nil, _ body: [UInt8] = body) -> Bool {
            refusal {
                try verifier.verify(
                    id: id ?? headers.id, timestamp: time ?? headers.timestamp,
                    signature: headers.signature, body: body, at: signedAt)
            } == .badSignature
        }
        #expect(!refused())
        #expect(refused(id: makeID(2).description))
        #expect(refused(time: "\(signedAt + 1)"))
        for place in body.indices {
            var changed = body
            changed[place] ^= 1
            #expect(refused(changed))
        }
        #expect(refused(body + [10]))
        // What moves the border between id, time and body would have to bring a full stop along.
        let moved = refusal {
            try verifier.verify(
                id: "a.1", timestamp: "1", signature: headers.signature, body: body, at: 1)
        }
        #expect(
            moved
                == .malformed(
                    header: "webhook-id", why: "it has a full stop, which parts what is signed"))
    }

    @Test func timeHasToFitInBothDirections() throws {
        let headers = try WebhookSigner([shared]).headers(
            id: makeID(1), unixSeconds: signedAt, body: body)
        for away in [-300, 0, 300] as [Int64] {
            #expect(try verified(headers, by: [shared], at: signedAt + away) == headers.id)
        }
        #expect(
            refusal { try verified(headers, by: [shared], at: signedAt + 301) }
                == .tooOld(seconds: 301))
        #expect(
            refusal { try verified(headers, by: [shared], at: signedAt - 301) }
                == .tooNew(seconds: 301))
    }

    @Test func headersThatCannotBeUsedAreNamed() throws {
        let verifier = try WebhookVerifier([shared])
        let code = Vector.sharedSignature
        let many = Array(repeating: code, count: 17).joined(separator: " ")
        let cases: [(String?, String?, String?, String)] = [
            (nil, "1", code, "webhook-id"), ("", "1", code, "webhook-id"),
            ("a b", "1", code, "webhook-id"), ("a\n", "1", code, "webhook-id"),
            (String(repeating: "a", count: 257), "1", code, "webhook-id"),
            ("a", nil, code, "webhook-timestamp"), ("a", "1.5", code, "webhook-timestamp"),
            ("a", "-1", code, "webhook-timestamp"), ("a", "+1", code, "webhook-timestamp"),
            ("a", "9999999999999", code, "webhook-timestamp"),
            ("a", "1", nil, "webhook-signature"), ("a", "1", "v1", "webhook-signature"),
            ("a", "1", "v1,***", "webhook-signature"), ("a", "1", many, "webhook-signature"),
            ("a", "1", String(repeating: "v", count: 5000), "webhook-signature"),
            ("a", "1", "v1a,AAAA v9,AAAA", "v1a, v9"),
        ]
        for (id, time, signature, name) in cases {
            let refusal = refusal {
                try verifier.verify(
                    id: id, timestamp: time, signature: signature, body: body, at: 1)
            }
            #expect(refusal?.description.contains(name) == true, "\(cases) \(refusal as Any)")
        }
    }
}

private let letters: [Character] = {
    let capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return Array(capitals + capitals.lowercased() + "0123456789+/")
}()

extension [UInt8] {
    /// Base64 of it, with padding; slow and plain.
    var base64: String {
        var text = ""
        for start in stride(from: 0, to: count, by: 3) {
            let part = self[start..<Swift.min(start + 3, count)]
            let bits = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
            for place in 0..<4 {
                text.append(place <= part.count ? letters[bits >> (18 - 6 * place) & 63] : "=")
            }
        }
        return text
    }

    /// The bytes of a secret's text after its prefix.
    init(base64 secret: String) throws {
        var (bits, held) = (0, 0)
        self = []
        for letter in secret.drop(while: { $0 != "_" }).dropFirst() where letter != "=" {
            bits = (bits << 6 | (try #require(letters.firstIndex(of: letter)))) & 0xffff
            held += 6
            if held >= 8 {
                held -= 8
                append(UInt8(truncatingIfNeeded: bits >> held))
            }
        }
    }
}
