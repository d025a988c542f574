// Makes requests as media servers send them.

import HTTPTypes
import Serve

enum Sent {
    static func form(_ body: String) -> HookRequest {
        HookRequest(
            body: Array(body.utf8), contentType: "application/x-www-form-urlencoded",
            unixSeconds: 1_700_000_000)
    }

    static func json(_ body: String, _ headers: [String: String] = [:]) -> HookRequest {
        var fields = HTTPFields()
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        return HookRequest(
            body: Array(body.utf8), contentType: "application/json; charset=utf-8",
            headers: fields, unixSeconds: 1_700_000_000)
    }
}

/// The error of reading a request; `nil` where there is none.
func refusal(
    _ request: HookRequest, from server: ServerKind, secret: SecretText? = nil
) -> HookError? {
    do {
        _ = try PublishHook.read(request, from: server, secret: secret)
        return nil
    } catch {
        return error
    }
}
