import EmbeddingAccess
import EmbeddingServer
import Foundation
import Glibc
import Logging
import NIOCore
import Synchronization
import Testing

@testable import EmbeddingClient

/// Who gets in, by which door, and what they can do then.
@Suite struct AccessTests {
    private static let token = AccessToken(Array("open sesame".utf8))!
    private static let readToken = AccessToken(Array("one may look".utf8))!
    private static let wrong = AccessToken(Array("open sesamf".utf8))!

    private static func options(
        certificate: String = "server", clientCA: String? = nil, tokens: Bool = true
    ) throws -> ServerOptions {
        var options = TestServer.options
        if tokens {
            options.access.token = token
            options.access.readToken = readToken
        }
        options.access.tls = try ServerTLS(
            certificate: fixture("\(certificate).pem"), key: fixture("\(certificate).key"),
            clientCA: clientCA.map { fixture($0) })
        return options
    }

    private static func client(
        _ token: AccessToken? = nil, certificate: String? = nil
    ) throws -> ClientAccess {
        ClientAccess(
            token: token,
            tls: try ClientTLS(
                ca: fixture("root.pem"), certificate: certificate.map { fixture("\($0).pem") },
                key: certificate.map { fixture("\($0).key") }))
    }

    /// The error with which `body` fails to connect.
    private func failure(
        _ body: () async throws -> EmbeddingClient
    ) async throws -> ConnectionError {
        do {
            let client = try await body()
            await client.close()
            throw RawConnection.Failed(what: "somebody came in")
        } catch let error as ConnectionError {
            return error
        }
    }

    private static func options(for socket: TestServer.Socket) throws -> ServerOptions {
        var options = try options()
        if socket != .tls { options.access.tls = nil }
        return options
    }

    @Test(arguments: [TestServer.Socket.unix, .tcp, .tls])
    func aTokenDecidesWhoComesInAndWhatTheyDo(socket: TestServer.Socket) async throws {
        try await TestServer.with(socket: socket, options: Self.options(for: socket)) { server in
            for token in [nil, Self.wrong] {
                let error = try await failure { try await server.connect(Self.client(token)) }
                guard case .refused(let refusal) = error else {
                    Issue.record("\(error)")
                    continue
                }
                #expect(refusal.code == .unauthorized)
            }
            try await server.connected(Self.client(Self.token)) { writer in
                #expect(writer.acceptsWrites)
                let made = try await writer.createTable("t", schema: .exact(dimension: 2))
                try await made.assign([1], rows: [1, 2])
                try await server.connected(Self.client(Self.readToken)) { reader in
                    #expect(!reader.acceptsWrites)
                    let table = try await reader.table(named: "t")
                    let rows = try await table.pull([1, 2], create: false)
                    #expect(rows.found == [true, false] && rows.values == [1, 2, 0, 0])
                    #expect(try await table.pool([1], offsets: [0], create: false) == [1, 2])
                    let copy = server.path + "-copy"
                    let forbidden: [(String, () async throws -> Void)] = [
                        ("pull", { _ = try await table.pull([1]) }),
                        ("pull new", { _ = try await table.pull([9]) }),
                        ("pool", { _ = try await table.pool([9], offsets: [0], create: true) }),
                        ("push", { try await table.push([1], gradients: [1, 1]) }),
                        ("assign", { try await table.assign([1], rows: [1, 1]) }),
                        ("delete", { _ = try await table.delete([1]) }),
                        ("drop", { try await table.drop() }),
                        (
                            "create",
                            { _ = try await reader.createTable("u", schema: .exact(dimension: 2)) }
                        ),
                        (
                            "create or open",
                            {
                                _ = try await reader.createTable(
                                    "u", schema: .exact(dimension: 2), ifExists: .open)
                            }
                        ),
                        ("checkpoint", { _ = try await reader.checkpoint(to: copy) }),
                    ]
                    for (name, call) in forbidden {
                        #expect(try await refusal(call) == .readOnly, "\(name)")
                    }
                    let opened = try await reader.createTable(
                        "t", schema: .exact(dimension: 2), ifExists: .open)
                    #expect(opened.number == made.number)
                    #expect(!FileManager.default.fileExists(atPath: copy))
                    #expect(try await made.count() == 1)
                    #expect(try await writer.tables().count == 1)
                    #expect(try await made.pull([1]).values == [1, 2])
                }
            }
        }
    }

    @Test func aRefusedConnectionEnds() async throws {
        try await TestServer.with(socket: .tcp, options: Self.options(for: .tcp)) { server in
            for credential in [[], Array("open sesam".utf8), [UInt8](repeating: 0, count: 1024)] {
                let connection = try RawConnection(to: server.address)
                #expect(
                    try connection.shakeHands(credential: credential).refusal?.code
                        == .unauthorized)
                #expect(connection.isAtEnd())
            }
            // What comes behind a refused Hello is not looked at.
            let connection = try RawConnection(to: server.address)
            var bytes = ByteBuffer()
            Hello().write(to: &bytes)
            bytes.writeImmutableBuffer(
                RequestEncoder(requestID: 1, allocator: ByteBufferAllocator()).listTables())
            try connection.send(bytes)
            #expect(try connection.welcome().refusal?.code == .unauthorized)
            #expect(connection.isAtEnd())
            let right = try RawConnection(to: server.address)
            #expect(try right.shakeHands(credential: Array("open sesame".utf8)).refusal == nil)
        }
    }

    @Test func nothingSecretIsLogged() async throws {
        let log = Mutex("")
        let logger = Logger(
            label: "test", factory: { _ in LogKeeper { line in log.withLock { $0 += line } } })
        try await TestServer.with(
            socket: .tls, options: Self.options(), logger: logger
        ) { server in
            for token in [Self.wrong, Self.token, Self.readToken] {
                _ = try? await server.connect(Self.client(token)).close()
            }
        }
        let text = log.withLock { $0 }
        #expect(text.contains("unauthorized"))
        #expect(text.contains("TLS, token"))
        for secret in ["open sesam", "one may look"] {
            #expect(!text.contains(secret))
            #expect(!text.contains(Array(secret.utf8).map(String.init).joined(separator: ", ")))
        }
    }

    // MARK: TLS

    @Test func rowsTravelWithTLS() async throws {
        try await TestServer.with(socket: .tls, options: Self.options(tokens: false)) { server in
            try await server.connected(Self.client()) { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 64))
                let ids = (0..<4000).map { UInt64($0) }
                let rows = (0..<256_000).map { Float($0) }
                try await table.assign(ids, rows: rows)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<20 {
                        group.addTask { expectRows(try await table.pull(ids).values, rows) }
                    }
                    try await group.waitForAll()
                }
            }
            // By its name as well as by its number.
            guard case .tls(_, let port) = server.address else { return }
            let named = try await EmbeddingClient.connect(
                to: .tls(host: "localhost", port: port), access: Self.client())
            try await named.ping()
            await named.close()
        }
    }

    @Test(arguments: [
        ("expired", "out of its time"), ("self-signed", "no trusted root"),
        ("elsewhere", "another host"),
    ])
    func aCertificateThatIsNotRightIsNotTrusted(name: String, reason: String) async throws {
        let options = try Self.options(certificate: name)
        try await TestServer.with(socket: .tls, options: options) { server in
            let error = try await failure { try await server.connect(Self.client(Self.token)) }
            guard case .tlsFailed(let said) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(said.contains(reason), "\(said)")
        }
    }

    @Test func theSystemsRootsAreTheDefault() async throws {
        try await TestServer.with(socket: .tls, options: Self.options()) { server in
            let error = try await failure { try await server.connect() }
            guard case .tlsFailed = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test func clientsShowACertificateWhereOneIsAskedFor() async throws {
        let options = try Self.options(clientCA: "root.pem", tokens: false)
        try await TestServer.with(socket: .tls, options: options) { server in
            try await server.connected(Self.client(certificate: "client")) { try await $0.ping() }
            for (certificate, reason) in [
                (nil, "asks for a client certificate"), ("stranger", "does not trust the root"),
            ] {
                let error = try await failure {
                    try await server.connect(Self.client(certificate: certificate))
                }
                guard case .tlsFailed(let said) = error else {
                    Issue.record("\(error)")
                    continue
                }
                #expect(said.contains(reason), "\(said)")
            }
        }
    }

    @Test func aClientWithoutTLSIsToldSo() async throws {
        try await TestServer.with(socket: .tls, options: Self.options()) { server in
            guard case .tls(let host, let port) = server.address else { return }
            let error = try await failure {
                try await EmbeddingClient.connect(to: .tcp(host: host, port: port))
            }
            #expect("\(error)".contains("TLS"), "\(error)")
            // Neither a client that says nothing nor one that leaves at once disturbs others.
            let silent = try RawConnection(to: server.address)
            _ = try RawConnection(to: server.address)
            try await server.connected(Self.client(Self.token)) { try await $0.ping() }
            withExtendedLifetime(silent) {}
        }
    }

    @Test func aServerWithoutTLSIsNotTakenForOne() async throws {
        try await TestServer.with(socket: .tcp) { server in
            guard case .tcp(let host, let port) = server.address else { return }
            let error = try await failure {
                try await EmbeddingClient.connect(
                    to: .tls(host: host, port: port), access: Self.client(Self.token))
            }
            guard case .tlsFailed(let said) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(said.contains("does not speak TLS"), "\(said)")
            try await server.connected { try await $0.ping() }
        }
    }

    @Test func connectionsBeyondTheLimitAreToldSoWithTLS() async throws {
        var options = try Self.options(tokens: false)
        options.connectionsMax = 1
        try await TestServer.with(socket: .tls, options: options) { server in
            try await server.connected(Self.client()) { first in
                let error = try await failure { try await server.connect(Self.client()) }
                guard case .refused(let refusal) = error else {
                    Issue.record("\(error)")
                    return
                }
                #expect(refusal.code == .tooManyConnections)
                try await first.ping()
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func aHandshakeThatIsNeverDoneHoldsUpNoStop() async throws {
        var options = try Self.options()
        options.stopTimeoutSeconds = 3600
        var silent: RawConnection?
        try await TestServer.with(socket: .tls, options: options) { server in
            silent = try RawConnection(to: server.address)
            // It has been accepted once one that came later is.
            try await server.connected(Self.client(Self.token)) { try await $0.ping() }
        }
        #expect(try #require(silent).isAtEnd())
    }

    @Test func aHandshakeThatIsNeverDoneIsCutOff() async throws {
        var options = try Self.options()
        options.handshakeTimeoutSeconds = 0.2
        try await TestServer.with(socket: .tls, options: options) { server in
            let silent = try RawConnection(to: server.address)
            #expect(silent.isAtEnd())
        }
    }

    // MARK: files of sockets

    @Test(arguments: [nil, 0o600, 0o660, 0o666, 0o200] as [UInt32?])
    func theFileOfASocketHasThePermissionsAskedFor(mode: UInt32?) async throws {
        var options = TestServer.options
        if let mode { options.access.socketMode = mode }
        try await TestServer.with(options: options) { server in
            guard case .unix(let path) = server.address else { return }
            var status = stat()
            #expect(lstat(path, &status) == 0)
            #expect(status.st_mode & S_IFMT == S_IFSOCK)
            #expect(status.st_mode & 0o777 == mode ?? 0o600)
            try await server.connected { try await $0.ping() }
        }
    }

    @Test func aFileThatIsNoSocketIsLeftWhereItIs() async throws {
        let folder = TestServer.temporaryPath()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data("mine".utf8).write(to: URL(filePath: folder + "/t.sock"))
        await #expect(throws: CannotListen.self) {
            try await TestServer.with(path: folder) { _ in }
        }
        #expect(try String(contentsOfFile: folder + "/t.sock", encoding: .utf8) == "mine")
    }

    @Test func aServerDoesNotStartOnAnOpenAddress() async throws {
        let path = TestServer.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let address = ServerAddress.tcp(host: "0.0.0.0", port: 0)
        await #expect(throws: BadAccess.unprotected(address)) {
            try await TestServer.with(path: path, address: address) { _ in }
        }
    }
}

/// Hands every line on, of every level.
private struct LogKeeper: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace
    let keep: @Sendable (String) -> Void

    init(_ keep: @escaping @Sendable (String) -> Void) { self.keep = keep }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        keep("\(event.message) \(event.metadata ?? [:])\n")
    }
}
