import EmbeddingAccess
import EmbeddingClient
import Foundation
import Testing

@testable import EmbeddingServer

/// What a server makes of its tokens and addresses, without sockets.
@Suite struct ServerAccessTests {
    private func access(token: String? = nil, readToken: String? = nil) throws -> ServerAccess {
        var access = ServerAccess()
        access.token = token.flatMap { AccessToken(Array($0.utf8)) }
        access.readToken = readToken.flatMap { AccessToken(Array($0.utf8)) }
        return access
    }

    private func certificate(clientCA: String? = nil) throws -> ServerTLS {
        try ServerTLS(
            certificate: fixture("server.pem"), key: fixture("server.key"), clientCA: clientCA)
    }

    private func parse(_ addresses: [String]) throws -> [ServerAddress] {
        try addresses.map { try ServerAddress(parsing: $0) }
    }

    @Test func whoeverPresentsATokenHasItsRights() throws {
        func rights(_ access: ServerAccess, _ credential: String) -> ServerAccess.Rights? {
            access.rights(presenting: Array(credential.utf8))
        }
        let open = try access()
        #expect(rights(open, "") == .writing)
        #expect(rights(open, "anything") == .writing)
        let both = try access(token: "w", readToken: "r")
        #expect(rights(both, "w") == .writing)
        #expect(rights(both, "r") == .reading)
        for wrong in ["", "x", "wr", "w\u{0}"] { #expect(rights(both, wrong) == nil) }
        let writers = try access(token: "w")
        #expect(rights(writers, "w") == .writing)
        #expect(rights(writers, "") == nil)
        // Nobody writes then; it does not mean that everybody else may.
        let readers = try access(readToken: "r")
        #expect(rights(readers, "r") == .reading)
        #expect(rights(readers, "") == nil)
    }

    @Test func theWelcomeGrantsNoMoreThanTheRights() throws {
        let access = try access(token: "w", readToken: "r")
        let limits = Limits(frameBytesMax: 1, idsMax: 1, requestsInFlightMax: 1)
        func welcome(_ credential: String, asking: Capabilities = .all) -> Welcome {
            access.welcome(
                Hello(capabilities: asking, credential: Array(credential.utf8)),
                capabilities: .all, limits: limits)
        }
        #expect(welcome("w").capabilities == .all)
        #expect(welcome("w", asking: []).capabilities == [])
        #expect(welcome("r").capabilities == [.float16Rows, .int16Rows, .prefetch, .sharedReplies])
        #expect(welcome("r").refusal == nil)
        for wrong in ["", "x"] {
            #expect(welcome(wrong).refusal?.code == .unauthorized)
            #expect(welcome(wrong).version == 0)
            #expect(welcome(wrong).capabilities == [])
        }
        // Who may not come in learns nothing of the versions either.
        let future = Hello(versions: 9...9, credential: [0x78])
        let refused = access.welcome(future, capabilities: .all, limits: limits)
        #expect(refused.refusal?.code == .unauthorized)
    }

    @Test(arguments: ["tcp:0.0.0.0:1", "tcp:[::]:1", "tcp:10.1.2.3:1", "tcp:example:1"])
    func anOpenAddressIsRefusedUnlessSomethingProtectsIt(text: String) throws {
        let addresses = try parse(["unix:/s", text])
        #expect(throws: BadAccess.unprotected(addresses[1])) { try access().check(addresses) }
        for protected in [try access(token: "w"), try access(readToken: "r")] {
            try protected.check(addresses)
        }
        var insecure = try access()
        insecure.allowsUnprotected = true
        try insecure.check(addresses)
        // A certificate protects the addresses that use it, and no other.
        var encrypted = try access()
        encrypted.tls = try certificate()
        #expect(throws: BadAccess.unprotected(addresses[1])) {
            try encrypted.check(addresses + parse(["tls:0.0.0.0:1"]))
        }
        let said = "\(BadAccess.unprotected(addresses[1]))"
        for way in ["--token-file", "--tls-certificate", "--insecure", text] {
            #expect(said.contains(way), "\(way)")
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try access().check(parse(["unix:/s", "tcp:127.0.0.1:1", "tcp:[::1]:1", "tcp:localhost:1"]))
        let encrypted = try parse(["tls:127.0.0.1:1"])
        #expect(throws: BadAccess.noCertificate(encrypted[0])) { try access().check(encrypted) }
        var unused = try access()
        unused.tls = try certificate()
        try unused.check(encrypted)
        #expect(throws: BadAccess.unusedCertificate) { try unused.check(parse(["unix:/s"])) }
        #expect(throws: BadAccess.sameTokens) {
            try access(token: "x", readToken: "x").check(parse(["unix:/s"]))
        }
    }

    @Test func nobodyConnectsBeforeTheFileHasItsPermissions() throws {
        let path = TestServer.temporaryPath()
        defer { unlink(path) }
        let bound = try UnixSocket.bind(path: path, mode: 0o640)
        defer { close(bound) }
        var status = stat()
        #expect(lstat(path, &status) == 0 && status.st_mode & 0o777 == 0o640)
        #expect(throws: RawConnection.Failed.self) { try RawConnection(to: .unix(path: path)) }
        #expect(listen(bound, 1) == 0)
        _ = try RawConnection(to: .unix(path: path))
        // Whoever listens is not replaced; what is left of a server that is gone is.
        #expect(throws: CannotListen.self) { try UnixSocket.bind(path: path, mode: 0o600) }
        #expect(shutdown(bound, Int32(SHUT_RDWR)) == 0)
        close(try UnixSocket.bind(path: path, mode: 0o600))
    }

    @Test func everyAddressSaysWhatProtectsIt() throws {
        var access = try access()
        func says(_ text: String) throws -> (String, warns: Bool) {
            let address = try ServerAddress(parsing: text)
            return (access.protection(of: address), access.warning(about: address) != nil)
        }
        #expect(try says("unix:/s") == ("file mode 0600", false))
        #expect(try says("tcp:127.0.0.1:1") == ("this machine only", false))
        #expect(try says("tcp:0.0.0.0:1") == ("nothing", true))
        access.tls = try certificate()
        #expect(try says("tls:0.0.0.0:1") == ("TLS", true))
        #expect(try says("tls:localhost:1") == ("TLS", false))
        access.tls = try certificate(clientCA: fixture("root.pem"))
        #expect(try says("tls:0.0.0.0:1") == ("TLS with client certificates", false))
        access.tls = try certificate()
        access.token = AccessToken([1])
        access.socketMode = 0o660
        #expect(try says("unix:/s") == ("file mode 0660, token", false))
        #expect(try says("tcp:0.0.0.0:1") == ("token", true))
        #expect(try says("tls:0.0.0.0:1") == ("TLS, token", false))
    }
}

/// The path of a file in `Tests/Fixtures/tls`.
func fixture(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../Fixtures/tls/\(name)").standardizedFileURL.path
}
