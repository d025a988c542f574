// Which addresses a policy lets through, odd forms among them; pure.

import Decode
import Foundation
import Testing

@Suite struct EgressPolicyTests {
    private func refusal(_ text: String, _ policy: EgressPolicy = .service) throws -> String? {
        policy.refusal(of: try #require(IPAddress(text), "\(text)"))
    }

    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "10.0.0.5", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.0.0.2",
        "127.255.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192",
        "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.7",
        "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "168.63.129.16",
        "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.5", "::ffff:a9fe:a9fe",
        "64:ff9b::10.0.0.5", "64:ff9b::7f00:1", "64:ff9b:1::808:808", "100::1", "2001::1",
        "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "3fff::1", "4000::1", "5f00::1",
        "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "9000::1",
    ])
    func specialAddressesAreDenied(_ address: String) throws {
        #expect(try refusal(address) != nil)
        // Naming a host exempts that host, which is decided on by its name, and no address.
        #expect(try refusal(address, .watch) != nil)
    }

    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.1", "169.253.0.1", "172.15.255.255", "172.32.0.0",
        "192.167.0.1", "198.17.0.1", "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8",
        "64:ff9b::808:808", "2606:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888",
    ])
    func addressesOfTheInternetAreNot(_ address: String) throws {
        #expect(try refusal(address) == nil)
    }

    @Test func datagramsAreTakenOnlyWhereItIsAllowed() throws {
        var policy = EgressPolicy.service
        for url in ["udp://8.8.8.8:1", "udp://127.0.0.1:1", "udp://239.1.1.1:1", "udp://:1"] {
            #expect(try LiveInput(url).refusal(by: policy) != nil, "\(url)")
        }
        policy.allowed = try AddressRange.list("127.0.0.0/8, 239.1.0.0/16 ::1/128")
        for url in ["udp://127.0.0.1:1", "udp://239.1.1.1:1?ttl=1", "udp://[::1]:1"] {
            #expect(try LiveInput(url).refusal(by: policy) == nil, "\(url)")
        }
        // A name may come to mean another address; an option may say another socket.
        for url in [
            "udp://8.8.8.8:1", "udp://:1", "udp://0.0.0.0:1", "udp://localhost:1",
            "udp://127.0.0.1:1?localaddr=0.0.0.0", "udp://127.0.0.1:1?ttl=1&LocalPort=2",
        ] {
            #expect(try LiveInput(url).refusal(by: policy) != nil, "\(url)")
        }
        #expect(try LiveInput("tcp://8.8.8.8:1").refusal(by: .service) == nil)
        #expect(try LiveInput("udp://0.0.0.0:1").refusal(by: .watch) == nil)
    }

    /// Nobody but this machine may send to what is watched at its loopback.
    @Test func datagramsAreTakenAtTheNamedAddressAlone() throws {
        let port = Int.random(in: 20_000..<30_000)
        let input = try LiveInput("udp://127.0.0.1:\(port)")
        let interrupt = Interrupt()
        let thread = Thread {
            do {
                let reader = try LiveReader(input, egress: .watch, interrupt: interrupt)
                _ = consume reader
            } catch {}
        }
        thread.start()
        defer { interrupt.cancel() }
        let name = String(format: ":%04X ", port)
        var sockets: [Substring] = []
        for _ in 0..<400 where sockets.isEmpty {
            usleep(25_000)
            sockets = try String(contentsOfFile: "/proc/net/udp", encoding: .utf8)
                .split(separator: "\n").filter { $0.contains(name) }
        }
        #expect(sockets.count == 1 && sockets[0].contains(" 0100007F\(name)"), "\(sockets)")
    }

    @Test func whatIsAllowedOverrides() throws {
        var policy = EgressPolicy.service
        policy.allowed = try AddressRange.list("10.1.0.0/16, ::1 fd00::/8")
        policy.denied = try AddressRange.list("10.1.2.0/24,8.8.8.0/24")
        #expect(try refusal("10.1.9.9", policy) == nil && refusal("10.1.2.3", policy) == nil)
        #expect(try refusal("::1", policy) == nil && refusal("fd12::1", policy) == nil)
        #expect(try refusal("10.2.0.1", policy) == "a private address (10.0.0.0/8)")
        #expect(try refusal("8.8.8.8", policy) == "it is in 8.8.8.0/24, which is denied")
        // An address that is translated to one that is allowed goes through somebody else's network.
        #expect(try refusal("::ffff:10.1.9.9", policy) == nil)
    }

    @Test(arguments: [
        "2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "010.0.0.1", "127.0.0.1 ",
        "", "localhost", "1.2.3.4.5", "[::1]", "fe80::1%eth0", "٣.1.1.1",
    ])
    func oddFormsAreNoAddresses(_ text: String) { #expect(IPAddress(text) == nil) }

    @Test(arguments: [
        ("10.0.0.5/8", "the range is 10.0.0.0/8"), ("10.0.0.0/33", "from 0 to 32"),
        ("10.0.0.0/08", "from 0 to 32"), ("10.0.0.0/", "from 0 to 32"),
        ("10.0.0.0/+8", "from 0 to 32"), ("10.0.0.0/8/8", "from 0 to 32"), ("10/8", "is no range"),
        ("fe80::/129", "from 0 to 128"), ("fe80::1/10", "the range is fe80::/10"),
        ("::ffff:10.0.0.0/104", "is an IPv4 range"), ("example.org", "is no range"),
        ("/8", "is no range"),
    ])
    func badRangesAreRefusedClearly(_ text: String, _ problem: String) {
        do throws(DecodeError) {
            _ = try AddressRange(text)
            Issue.record("taken")
        } catch {
            #expect(error.message.contains(problem) && error.message.contains("'\(text)'"))
        }
    }

    @Test func rangesHaveOneText() throws {
        #expect(try AddressRange("127.0.0.1").description == "127.0.0.1/32")
        #expect(try AddressRange("::/0").contains(#require(IPAddress("fe80::1"))))
        #expect(try !AddressRange("0.0.0.0/0").contains(#require(IPAddress("fe80::1"))))
        #expect(try AddressRange.list(" , ").isEmpty)
    }

    @Test func schemesAreThoseOfLiveStreams() {
        #expect(EgressPolicy.service.allows(scheme: "HTTP"))
        for scheme in ["file", "gopher", "concat", "", "crypto+http", "data"] {
            #expect(!EgressPolicy.service.allows(scheme: scheme))
        }
        #expect(!EgressPolicy(trustsNamedHost: false, schemes: [.https]).allows(scheme: "http"))
    }
}
