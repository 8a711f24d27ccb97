import Foundation
import NIOCore
import Testing

@testable import EmbeddingClient
@testable import EmbeddingServer
@testable import EmbeddingStore
@testable import EmbeddingWire

/// Rows that a server places in memory that its client shares.
@Suite struct SharedRepliesTests {
    private func sharing(
        _ server: TestServer, bytes: Int, _ body: (EmbeddingClient) async throws -> Void
    ) async throws {
        let client = try await EmbeddingClient.connect(
            to: server.address, timeout: .seconds(25), sharedReplyBytes: bytes)
        do {
            try await body(client)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    @Test func rowsAreTheSameAsThroughTheSocket() async throws {
        try await TestServer.with { server in
            try await server.connected { plain in
                #expect(!plain.sharesReplies)
                let table = try await plain.createTable("t", schema: .exact(dimension: 5))
                let ids = (0..<300).map { UInt64($0) }
                try await table.assign(ids, rows: numberedRows(300, 5))
                try await sharing(server, bytes: 1 << 20) { client in
                    #expect(client.sharesReplies)
                    let shared = try await client.table(named: "t")
                    for round in 0..<2 {
                        // First from memory, then what was on disk: written by another thread.
                        if round == 1 { try demoteEverything(server, "t") }
                        for format in EmbeddingWire.RowFormat.allCases {
                            let asked = ids.reversed() + [1000]
                            let rows = try await shared.pull(asked, create: false, format: format)
                            let same = try await table.pull(asked, create: false, format: format)
                            expectRows(rows.values, same.values, "\(format)")
                            #expect(rows.found == same.found && rows.found?.last == false)
                        }
                    }
                    let made = try await shared.pull([2000, 7])
                    expectRows(
                        made.values, Array(repeating: 0, count: 5) + Array(repeating: 8, count: 5))
                    let stepped = try await shared.push(
                        [7], gradients: Array(repeating: 1, count: 5), thenPull: [7, 8])
                    expectRows(
                        stepped.values,
                        Array(repeating: 7, count: 5) + Array(repeating: 9, count: 5))
                }
            }
        }
    }

    /// More at once than fit: some come through the socket. And errors leave no part in use.
    @Test func partsAreUsedAgain() async throws {
        try await TestServer.with { server in
            try await sharing(server, bytes: 16 << 10) { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 16))
                let ids = (0..<100).map { UInt64($0) }
                try await table.assign(ids, rows: numberedRows(100, 16))
                for _ in 0..<20 {
                    try await withThrowingTaskGroup(of: PulledRows.self) { group in
                        for _ in 0..<8 { group.addTask { try await table.pull(ids) } }
                        for try await rows in group {
                            expectRows(rows.values, numberedRows(100, 16))
                        }
                    }
                }
                try await table.drop()
                for _ in 0..<20 {
                    #expect(try await refusal { _ = try await table.pull(ids) } == .unknownTable)
                    #expect(
                        try await refusal {
                            _ = try await table.push([1], gradients: [], thenPull: ids)
                        } == .dimensionMismatch)
                }
                let shared = try #require(client.sharedReplies)
                let whole = try #require(shared.take(16 << 10), "a part is in use")
                #expect(shared.take(1) == nil)
                shared.giveBack(whole)
            }
        }
    }

    @Test func partsAreJoinedAgain() async throws {
        try await TestServer.with { server in
            try await sharing(server, bytes: 4096) { client in
                let shared = try #require(client.sharedReplies)
                var parts = try (0..<64).map { _ in try #require(shared.take(1)) }
                #expect(Set(parts.map(\.place)) == Set(stride(from: 0, to: 4096, by: 64)))
                #expect(shared.take(1) == nil)
                parts.shuffle()
                for part in parts.prefix(63) { shared.giveBack(part) }
                #expect(shared.take(4096) == nil)
                shared.giveBack(parts[63])
                #expect(shared.take(4096)?.place == 0)
            }
        }
    }

    @Test func whatDoesNotFitIsRefused() async throws {
        var options = TestServer.options
        options.requestMemoryBytesMax = 64 << 20
        try await TestServer.with(options: options) { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 16))
                _ = try await table.pull([1, 2])
                func code(_ frame: (RequestEncoder) -> ByteBuffer) async throws -> ErrorCode? {
                    try await refusal { _ = try await client.reply(to: frame(client.encoder)) }
                }
                func pull(at place: UInt64) async throws -> ErrorCode? {
                    try await code {
                        $0.pull(table: table.number, ids: [1, 2], create: true, place: place)
                    }
                }
                #expect(try await pull(at: 0) == .malformed, "nothing is shared")
                for size in [0, (16 << 20) + 1, .max] as [UInt64] {
                    #expect(try await code { $0.share(byteCount: size) } == .tooLarge)
                }
                #expect(try await code { $0.share(byteCount: 100) } == nil)
                #expect(try await code { $0.share(byteCount: 100) } == .malformed, "once")
                #expect(try await pull(at: 4096 - 128) == nil)
                for place in [64, 4096 - 64, 4096, 1 << 63, .max - 63] as [UInt64] {
                    let isInside = place == 64
                    #expect(try await (pull(at: place) == nil) == isInside, "\(place)")
                }
                #expect(try await pull(at: 8) == .malformed, "not aligned")
                #expect(
                    try await code {
                        $0.pool(
                            table: table.number, mode: .sum, ids: [1, 2], offsets: [0],
                            create: false, place: 4096)
                    } == .malformed)
                #expect(try await table.pull([1]).count == 1, "the connection is as good as before")
            }
        }
    }

    private struct Figures: Decodable {
        struct Memory: Decodable { var heldBytes: Int }
        var requestMemory: Memory
    }

    @Test func memoryIsCountedAndGivenBack() async throws {
        try await TestServer.with { server in
            try await server.connected { watcher in
                func held() async throws -> Int {
                    let json = Data(try await watcher.stats().utf8)
                    let figures = try JSONDecoder().decode(Figures.self, from: json)
                    return figures.requestMemory.heldBytes
                }
                let before = try await held()
                try await sharing(server, bytes: 8 << 20) { client in
                    #expect(client.sharesReplies)
                    let during = try await held()
                    #expect(during >= before + 8 << 20)
                }
                let deadline = ContinuousClock.now + .seconds(20)
                while true {
                    let now = try await held()
                    if now < 8 << 20 { break }
                    try #require(ContinuousClock.now < deadline, "it is still held")
                }
            }
        }
    }

    /// Nothing that a client may do to the file makes a write of the server fail.
    @Test func clientsCannotChangeTheMemory() throws {
        let memory = try ReplyMemory(byteCount: 1000)
        #expect(memory.description.byteCount == UInt64(getpagesize()))
        let path = "/proc/self/fd/\(memory.description.descriptor)"
        let file = open(path, O_RDWR)
        try #require(file >= 0)
        defer { close(file) }
        #expect(ftruncate(file, 0) == -1 && errno == EPERM)
        #expect(ftruncate(file, 1 << 20) == -1 && errno == EPERM)
        #expect(write(file, "x", 1) == -1 && errno == EPERM)
        #expect(mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED)
        let part = try memory.part(at: 64, byteCount: 4)
        part.copyBytes(from: [1, 2, 3, 4])
        let base = try #require(mmap(nil, 4096, PROT_READ, MAP_SHARED, file, 0))
        try #require(base != MAP_FAILED)
        defer { munmap(base, 4096) }
        #expect(base.load(fromByteOffset: 64, as: UInt32.self) == 0x0403_0201)
    }

    @Test func tcpSharesNothing() async throws {
        try await TestServer.with(socket: .tcp) { server in
            try await sharing(server, bytes: 1 << 20) { client in
                #expect(!client.sharesReplies)
                let table = try await client.createTable("t", schema: .exact(dimension: 2))
                #expect(try await table.pull([1]).values == [0, 0])
                #expect(
                    try await refusal {
                        _ = try await client.reply(to: client.encoder.share(byteCount: 4096))
                    } == .unsupported)
            }
        }
    }
}
