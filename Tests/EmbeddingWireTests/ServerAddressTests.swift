import Testing

@testable import EmbeddingWire

@Suite struct ServerAddressTests {
    @Test(
        arguments: [
            ("unix:/run/thermocline.sock", .unix(path: "/run/thermocline.sock")),
            ("unix:relative.sock", .unix(path: "relative.sock")),
            ("unix:/with:colon", .unix(path: "/with:colon")),
            ("tcp:localhost:7070", .tcp(host: "localhost", port: 7070)),
            ("tcp:127.0.0.1:0", .tcp(host: "127.0.0.1", port: 0)),
            ("tcp:[::1]:7070", .tcp(host: "::1", port: 7070)),
            ("tls:localhost:7070", .tls(host: "localhost", port: 7070)),
            ("tls:[::1]:7070", .tls(host: "::1", port: 7070)),
            ("tcp:0.0.0.0:65535", .tcp(host: "0.0.0.0", port: 65535)),
        ] as [(String, ServerAddress)])
    func anAddressIsReadAndWrittenAlike(text: String, address: ServerAddress) throws {
        #expect(try ServerAddress(parsing: text) == address)
        #expect(address.description == text)
    }

    @Test(arguments: [
        "", "unix:", "tcp:", "tcp:host", "tcp:host:", "tcp::7070", "tcp:host:65536", "tcp:host:-1",
        "tcp:host:+1", "tcp:::1:7070", "tcp:[]:7070", "tcp:host:7070x", "localhost:7070",
        "tls:", "tls:host", "tls::7070", "tls:::1:7070", "tls:host:65536", "TLS:host:7070",
        "/run/x.sock",
        "unix:/" + String(repeating: "p", count: 107), "udp:host:1", "unix:/a\u{0}",
    ])
    func anythingElseIsRefusedWithItsText(text: String) throws {
        let error = try #require(throws: ServerAddress.Malformed.self) {
            try ServerAddress(parsing: text)
        }
        #expect(error.text == text)
    }

    @Test(arguments: [
        ("unix:/s", true), ("tcp:localhost:1", true), ("tls:localhost:1", true),
        ("tcp:127.0.0.1:1", true), ("tcp:127.255.3.4:1", true), ("tls:[::1]:1", true),
        ("tcp:[0:0:0:0:0:0:0:1]:1", true), ("tcp:128.0.0.1:1", false), ("tcp:0.0.0.0:1", false),
        ("tcp:[::]:1", false), ("tcp:[1::1]:1", false), ("tcp:[::2]:1", false),
        ("tcp:[::ffff:10.0.0.1]:1", false), ("tcp:10.0.0.1:1", false),
        ("tcp:localhost.example:1", false), ("tcp:127.0.0.1.example:1", false),
        ("tls:example:1", false),
    ])
    func onlyAddressesOfThisMachineAreLocal(text: String, isLocal: Bool) throws {
        let address = try ServerAddress(parsing: text)
        #expect(address.isLocal == isLocal)
        #expect(address.isTLS == text.hasPrefix("tls:"))
    }
}
