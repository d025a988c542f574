// Drivers against a stub that answers as the servers' documentation says: what is asked of them, to
// the letter, and what is made of each answer.

import Crypto
import Foundation
import Report
import Serve
import Testing

@Suite struct DriverTests {
    // MARK: - Each server

    @Test func nginxIsAskedByNames() async throws {
        try await against(Drivers.nginx) { request in
            request.target.hasPrefix("/stat")
                ? .answer(200, "<?xml version=\"1.0\"?><rtmp><a/></rtmp>") : .answer(200, "1\n")
        } _: { driver, stub async throws in
            #expect(try await drop(driver, "live/a+b=c") == .dropped)
            #expect(try await look(driver, "live/one") == false)
            #expect(
                stub.seen.map(\.target) == [
                    "/control/drop/publisher?app=live&name=a+b=c", "/stat",
                ])
            for path in [
                "live/a b", "live/a&name=b", "live/é", "live/", "one", "a/b/c", "live/%41",
            ] {
                await #expect(throws: StopError.self) {
                    try await drop(driver, path)
                }
            }
            #expect(stub.seen.count == 2)
        }
    }

    @Test func mediaMTXsConnectionIsFoundAndKicked() async throws {
        for (type, collection) in [
            ("rtmpConn", "rtmpconns"), ("srtConn", "srtconns"), ("rtspSession", "rtspsessions"),
            ("webRTCSession", "webrtcsessions"), ("rtmpsConn", "rtmpsconns"),
        ] {
            try await against(Drivers.mediaMTX) { request in
                request.method == "POST"
                    ? .answer(200, "")
                    : .answer(
                        200,
                        #"{"name":"live/one","source":{"type":"\#(type)","id":"ab-1"},"ready":true}"#
                    )
            } _: { driver, stub async throws in
                #expect(try await drop(driver, "live/one") == .dropped)
                #expect(
                    stub.seen.map(\.target) == [
                        "/v3/paths/get/live/one", "/v3/\(collection)/kick/ab-1",
                    ])
                let basic = "Basic " + Data("vigil:s3cret".utf8).base64EncodedString()
                #expect(stub.seen.allSatisfy { $0.headers["authorization"] == basic })
            }
        }
    }

    @Test func mediaMTXsPathsMayBeEmptyOrFetched() async throws {
        try await against(Drivers.mediaMTX) { request in
            switch request.target {
            case "/v3/paths/get/none": .answer(404, #"{"error":"path not found"}"#)
            case "/v3/paths/get/idle": .answer(200, #"{"name":"idle","source":null}"#)
            default: .answer(200, #"{"name":"x","source":{"type":"rtspSource","id":""}}"#)
            }
        } _: { driver, _ async throws in
            #expect(try await drop(driver, "none") == .notThere)
            #expect(try await look(driver, "idle") == false)
            #expect(try await look(driver, "pulled") == true)
            await #expect { try await drop(driver, "pulled") } throws: {
                ($0 as? StopError)?.code == .unsupported
            }
        }
    }

    @Test func srssClientIsFoundAndDropped() async throws {
        let list = """
            {"code":0,"streams":[
             {"name":"one","app":"live","url":"other.host/live/one","publish":{"active":true,"cid":"c0"}},
             {"name":"one","app":"live","url":"/live/one","publish":{"active":true,"cid":"c1"}},
             {"name":"two","app":"live","url":"/live/two","publish":{"active":false,"cid":"c2"}}]}
            """
        try await against(Drivers.srs) { request in
            switch (request.method, request.target) {
            case ("GET", _): .answer(200, list)
            case (_, "/api/v1/clients/c0"): .answer(200, #"{"code":2049}"#)
            default: .answer(200, #"{"code":0}"#)
            }
        } _: { driver, stub async throws in
            #expect(try await drop(driver, "live/one") == .dropped)
            #expect(stub.seen.last?.method == "DELETE")
            #expect(stub.seen.last?.target == "/api/v1/clients/c1")
            #expect(stub.seen.first?.target == "/api/v1/streams?start=0&count=500")
            #expect(
                try await drop(driver, "other.host/live/one") == .notThere)
            #expect(try await look(driver, "live/two") == false)
            #expect(try await drop(driver, "live/three") == .notThere)
        }
    }

    @Test func ovenMediaEnginesStreamIsDeleted() async throws {
        try await against(Drivers.oven) { request in
            request.target.hasSuffix("none")
                ? .answer(404, #"{"statusCode":404,"message":"Could not find"}"#)
                : .answer(200, #"{"statusCode":200,"message":"OK","response":{"name":"one"}}"#)
        } _: { driver, stub async throws in
            #expect(try await drop(driver, "app/one") == .dropped)
            #expect(try await look(driver, "app/one") == true)
            #expect(try await drop(driver, "app/none") == .notThere)
            #expect(try await look(driver, "app/none") == false)
            #expect(stub.seen[0].method == "DELETE")
            #expect(stub.seen[0].target == "/v1/vhosts/main%20host/apps/app/streams/one")
            let basic = "Basic " + Data("s3cret".utf8).base64EncodedString()
            #expect(stub.seen.allSatisfy { $0.headers["authorization"] == basic })
        }
    }

    @Test func antMediasBroadcastIsStopped() async throws {
        try await against(Drivers.antMedia) { request in
            switch (request.method, request.target) {
            case ("POST", let target) where target.contains("/one/"):
                .answer(200, #"{"success":true}"#)
            case ("POST", _): .answer(200, #"{"success":false,"message":"no"}"#)
            case (_, let target) where target.hasSuffix("/one"):
                .answer(200, #"{"streamId":"one","status":"broadcasting"}"#)
            case (_, let target) where target.hasSuffix("/stuck"):
                .answer(200, #"{"status":"broadcasting"}"#)
            default: .answer(404, "")
            }
        } _: { driver, stub async throws in
            #expect(try await drop(driver, "one") == .dropped)
            #expect(stub.seen[0].target == "/LiveApp/rest/v2/broadcasts/one/stop")
            #expect(stub.seen[0].headers["authorization"]?.split(separator: ".").count == 3)
            #expect(try await look(driver, "one") == true)
            #expect(try await drop(driver, "none") == .notThere)
            await #expect(throws: StopError.self) {
                try await drop(driver, "stuck")
            }
        }
    }

    @Test func wowzaIsAnsweredByDigest() async throws {
        let challenge = #"Digest realm="Wowza", nonce="n0", qop="auth", opaque="o""#
        let base =
            "/v2/servers/_defaultServer_/vhosts/_defaultVHost_/applications/live/instances"
            + "/_definst_/incomingstreams/one"
        try await against(Drivers.wowza) { request in
            guard let given = request.headers["authorization"] else {
                return .answer(401, "", ["WWW-Authenticate": challenge])
            }
            func hash(_ text: String) -> String {
                Insecure.MD5.hash(data: Data(text.utf8)).map {
                    ($0 < 16 ? "0" : "") + String($0, radix: 16)
                }.joined()
            }
            let own = given.split(separator: "cnonce=\"").last?.prefix { $0 != "\"" } ?? ""
            let code = hash(
                hash("vigil:Wowza:s3cret") + ":n0:00000001:\(own):auth:"
                    + hash("\(request.method):\(request.target)"))
            guard given.contains("response=\"\(code)\"") else { return .answer(401, "") }
            return request.method == "PUT"
                ? .answer(200, #"{"success":true,"message":"","data":null}"#)
                : .answer(200, #"{"isConnected":false,"name":"one"}"#)
        } _: { driver, stub async throws in
            #expect(try await drop(driver, "live/one") == .dropped)
            #expect(
                stub.seen.map(\.target)
                    == Array(
                        repeating: base + "/actions/disconnectStream", count: 2))
            #expect(stub.seen.last?.headers["accept"] == "application/json")
            #expect(try await look(driver, "live/one") == false)
        }
    }

    @Test func liveKitsParticipantAndIngressAreRemoved() async throws {
        try await against(Drivers.liveKit) { request in
            switch request.target {
            case "/twirp/livekit.RoomService/GetParticipant":
                .answer(200, #"{"identity":"alice","tracks":[{"sid":"1","type":"VIDEO"}]}"#)
            case _ where request.body.contains("nobody"):
                .answer(404, #"{"code":"not_found","msg":"participant does not exist"}"#)
            default: .answer(200, "{}")
            }
        } _: { driver, stub async throws in
            let ingress = StreamPublisher(id: "IN_1", peer: nil)
            #expect(try await drop(driver, "room/alice", by: ingress) == .dropped)
            #expect(
                stub.seen.map(\.target) == [
                    "/twirp/livekit.Ingress/DeleteIngress",
                    "/twirp/livekit.RoomService/RemoveParticipant",
                ])
            #expect(stub.seen[0].body == #"{"ingress_id":"IN_1"}"#)
            let asked = try JSONSerialization.jsonObject(with: Data(stub.seen[1].body.utf8))
            #expect(asked as? [String: String] == ["room": "room", "identity": "alice"])
            let token = try #require(stub.seen[1].headers["authorization"]).dropFirst(7)
            let parts = token.split(separator: ".")
            let code = HMAC<SHA256>.authenticationCode(
                for: Data("\(parts[0]).\(parts[1])".utf8), using: .init(data: Data("s3cret".utf8)))
            let text = Data(code).base64EncodedString().replacing("+", with: "-")
                .replacing("/", with: "_").replacing("=", with: "")
            #expect(String(parts[2]) == text)
            #expect(try await look(driver, "room/alice") == true)
            #expect(try await drop(driver, "room/nobody") == .notThere)
        }
    }

    @Test func cloudflaresInputIsDisabled() async throws {
        try await against(Drivers.cloudflare) { request in
            if request.target.hasSuffix("none") { return .answer(404, #"{"success":false}"#) }
            return request.method == "PUT"
                ? .answer(200, #"{"success":true,"result":{"uid":"in","enabled":false}}"#)
                : .answer(
                    200,
                    #"{"success":true,"result":{"status":{"current":{"state":"connected"}}}}"#)
        } _: { driver, stub async throws in
            #expect(try await drop(driver, "in") == .dropped)
            #expect(stub.seen[0].method == "PUT")
            #expect(stub.seen[0].target == "/client/v4/accounts/acc/stream/live_inputs/in")
            #expect(stub.seen[0].body == #"{"enabled":false}"#)
            #expect(stub.seen[0].headers["content-type"] == "application/json")
            #expect(stub.seen[0].headers["authorization"] == "Bearer s3cret")
            #expect(try await look(driver, "in") == true)
            #expect(try await look(driver, "none") == false)
        }
    }

    @Test func aTemplatesRequestIsFilledIn() async throws {
        try await against(Drivers.template) { request in
            request.target.hasPrefix("/there/") ? .answer(410, "") : .answer(204, "")
        } _: { driver, stub async throws in
            let odd = #"live/a"b&c'd"#
            #expect(try await drop(driver, odd) == .dropped)
            #expect(stub.seen[0].target == "/stop/live?n=a%22b%26c%27d")
            #expect(stub.seen[0].body == #"{"stream":"a\"b&c'd","on":{"app":"live"},"x":{}}"#)
            #expect(stub.seen[0].headers["x-path"] == #"live/a"b&c'd"#)
            #expect(stub.seen[0].headers["x-key"] == "s3cret")
            #expect(try await look(driver, "live/one") == false)
            await #expect(throws: StopError.self) {
                try await drop(driver, "live/é")
            }
            await #expect(throws: StopError.self) {
                try await drop(driver, "alone")
            }
        }
    }
}
