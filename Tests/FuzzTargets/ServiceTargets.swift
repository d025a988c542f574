// Audit logs and evidence packages from elsewhere, pipeline files, and the bodies of hooks.

import Foundation
import HTTPTypes
import Report
import Run
import Serve

@Sendable func fuzzAudit(_ bytes: [UInt8]) {
    var verifier = AuditFileVerifier()
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
        verifier.check(Array(line))
    }
    verifier.finish(isWhole: bytes.last == UInt8(ascii: "\n"))
    if CasePackage.isBegun(by: bytes) { _ = CasePackage.check(bytes) }
}

@Sendable func fuzzPipelineFile(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    _ = try? Pipeline(yaml: text, name: "fuzz.yaml")
}

private let secret = SecretText("0123456789abcdef0123456789abcdef")!
private let template = try? AddressTemplate("https://cdn.example/live/{path}?n={name}")

/// The first byte chooses the media server, the second how the body is said to be coded.
@Sendable func fuzzHook(_ bytes: [UInt8]) {
    guard bytes.count > 2 else { return }
    let kinds = ServerKind.allCases
    let type =
        switch bytes[1] % 3 {
        case 0: "application/json"
        case 1: "application/x-www-form-urlencoded"
        default: String(decoding: bytes.prefix(40), as: UTF8.self)
        }
    let request = HookRequest(
        body: Array(bytes.dropFirst(2)), contentType: type, unixSeconds: 1_800_000_000)
    let kind = kinds[Int(bytes[0]) % kinds.count]
    for secret in [nil, secret] {
        guard let hook = try? PublishHook.read(request, from: kind, secret: secret) else {
            continue
        }
        let names = hook.path.split(separator: "/", omittingEmptySubsequences: false)
        precondition(names.allSatisfy { !["", ".", ".."].contains($0) })
        precondition(hook.path.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 })
        guard let address = try? template!.address(of: hook) else { continue }
        precondition(address.utf8.allSatisfy { $0 > 32 && $0 < 127 })
    }
}
