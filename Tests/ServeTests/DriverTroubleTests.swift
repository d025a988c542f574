// What may go wrong with any driver: refusals, errors, redirects, garbage, silence.

import Report
import Serve
import Testing

@Suite struct DriverTroubleTests {
    @Test func refusalsErrorsAndRedirectsAreTold() async throws {
        for (path, making) in Drivers.all {
            for (status, code) in [
                (401, StopError.Code.refused), (403, .refused), (500, .failed), (502, .failed),
                (302, .failed),
            ] {
                try await against(making) { _ in
                    .answer(status, "s3cret body", ["Location": "http://127.0.0.1:1/"])
                } _: { driver, stub async throws in
                    await #expect {
                        try await drop(driver, path)
                    } throws: { error in
                        let error = error as? StopError
                        return error?.code == code && error?.message.contains("edge") == true
                            && error?.message.contains("s3cret") == false
                    }
                    #expect(stub.seen.count == 1, "\(type(of: driver)), \(status)")
                }
            }
        }
    }

    @Test func garbageIsNoSuccess() async throws {
        for (path, making) in Drivers.all {
            for reply in [
                StubReply.answer(200, "<html>hello</html>"), .answer(404, "<html>no</html>"),
                .raw(Array("garbage\r\n\r\n".utf8)), .raw([]),
                .answer(200, String(repeating: " ", count: (16 << 20) + 1)),
            ] {
                try await against(making) { _ in
                    reply
                } _: { driver, _ async throws in
                    let seen = try? await look(driver, path)
                    // A template looks at nothing but the status.
                    #expect(seen == nil || driver is TemplateStops, "\(type(of: driver))")
                }
            }
        }
    }

    @Test func silenceAndTricklesEnd() async throws {
        for reply in [StubReply.silence, .trickle] {
            for (path, making) in Drivers.all {
                try await against(limitSeconds: 0.3, making) { _ in
                    reply
                } _: { driver, _ async throws in
                    guard !(driver is TemplateStops) || "\(reply)" == "silence" else { return }
                    await #expect {
                        try await drop(driver, path)
                    } throws: { ($0 as? StopError)?.code == .unreachable }
                }
            }
        }
    }

    @Test func aServerThatIsNotThereIsTold() async throws {
        let stub = try StubServer { _ in .silence }
        let address = stub.address
        stub.stop()
        let transport = StopTransport(limitSeconds: 2)
        for (path, making) in Drivers.all {
            let driver = try making(address, transport)
            await #expect {
                try await drop(driver, path)
            } throws: { ($0 as? StopError)?.code == .unreachable }
        }
        await transport.shutdown()
    }

    @Test(arguments: [
        "ftp://h", "h:80", "http://", "http://u:hunter2@h", "http://h?x=1", "http://h/ x", "",
    ])
    func mistakesInAnAddressAreTold(_ address: String) async throws {
        let transport = StopTransport()
        #expect { try access(address, transport) } throws: {
            $0 is ServeError && !"\($0)".contains("hunter2")
        }
        await transport.shutdown()
    }
}
