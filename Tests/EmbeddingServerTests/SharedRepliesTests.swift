import Foundation
import NIOCore
import Testing

@testable import EmbeddingClient
@testable import EmbeddingServer
@testable import EmbeddingStore
@testable import EmbeddingWire

/// Rows that a server places in memory that its client shares.
@Suite struct SharedRepliesTests {
    /// Parts come back as soon as the last one that has them lets go, which may be the event loop.
    private func expectAllFree(_ client: EmbeddingClient, _ byteCount: Int) async throws {
        let shared = try #require(client.sharedReplies)
        let deadline = ContinuousClock.now + .seconds(20)
        while shared.take(byteCount) == nil {
            try #require(ContinuousClock.now < deadline, "a part is in use")
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    @Test func rowsAreTheSameAsThroughTheSocket() async throws {
        try await TestServer.with { server in
            try await server.connected { plain in
                #expect(!plain.sharesReplies)
                let table = try await plain.createTable("t", schema: .exact(dimension: 5))
                let ids = (0..<300).map { UInt64($0) }
                try await table.assign(ids, rows: numberedRows(300, 5))
                try await server.connected(sharedReplyBytes: 1 << 20) { client in
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
                    let pooled = try await shared.pool(
                        [0, 1, 2], offsets: [0, 2, 2], mode: .mean, format: .float16)
                    let same = try await table.pool([0, 1, 2], offsets: [0, 2, 2], mode: .mean)
                    expectRows(pooled, same)
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
            try await server.connected(sharedReplyBytes: 16 << 10) { client in
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
                            let gradients = [Float](repeating: 1, count: 16)
                            _ = try await table.push([1], gradients: gradients, thenPull: ids)
                        } == .unknownTable)
                }
                try await expectAllFree(client, 16 << 10)
            }
        }
    }

    @Test func partsAreJoinedAgain() async throws {
        try await TestServer.with { server in
            try await server.connected(sharedReplyBytes: 4096) { client in
                let shared = try #require(client.sharedReplies)
                var parts = try (0..<64).map { _ in try #require(shared.take(1)) }
                #expect(Set(parts.map(\.place)) == Set(stride(from: 0, to: 4096, by: 64)))
                #expect(shared.take(1) == nil)
                parts.shuffle()
                parts.removeFirst(63)
                #expect(shared.take(4096) == nil)
                parts = []
                #expect(shared.take(4096)?.place == 0)
            }
        }
    }

    /// A request that is as long as may be has no room for a place, and one for no rows has one.
    @Test func theLongestAndTheShortestRequest() async throws {
        var options = TestServer.options
        options.frameBytesMax = 4096
        try await TestServer.with(options: options) { server in
            try await server.connected(sharedReplyBytes: 1 << 20) { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 1))
                let ids = (0..<512).map { UInt64($0) }
                #expect(try await table.pull(ids).values == Array(repeating: 0, count: 512))
            }
        }
        try await TestServer.with { server in
            try await server.connected(sharedReplyBytes: 4096) { client in
                let table = try await client.createTable("t", schema: .exact(dimension: 1))
                let first = client.sharedReplies?.take(64)
                for _ in 0..<3 { #expect(try await table.pull([]).count == 0) }
                #expect(first?.place == 0)
                #expect(client.sharedReplies?.take(4096 - 64)?.place == 64, "a part is in use")
            }
        }
    }

    private func share(_ byteCount: UInt64, _ client: EmbeddingClient) async throws -> ErrorCode? {
        try await refusal {
            _ = try await client.reply(to: client.encoder.share(byteCount: byteCount))
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
                for size in [(16 << 20) + 1, .max] as [UInt64] {
                    #expect(try await code { $0.share(byteCount: size) } == .tooLarge)
                }
                #expect(try await code { $0.share(byteCount: 100) } == nil)
                #expect(try await code { $0.share(byteCount: 100) } == .malformed, "once")
                let other = try await server.connect()
                #expect(try await share(16 << 20, other) == .overloaded, "a page of it is taken")
                #expect(try await share(8 << 20, other) == nil)
                #expect(try await share(0, other) == nil)
                #expect(
                    try await share((16 << 20) - 4096, other) == nil, "what was given back is free")
                #expect(try await table.pull([1]).count == 1, "requests have their own")
                await other.close()
                #expect(try await pull(at: 4096 - 128) == nil)
                for place in [64, 4096 - 64, 4096, 1 << 63, .max - 63] as [UInt64] {
                    #expect(
                        try await pull(at: place) == (place == 64 ? nil : .malformed), "\(place)")
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
        struct Memory: Decodable { var sharedBytes: Int }
        var requestMemory: Memory
    }

    private func sharedBytes(_ client: EmbeddingClient) async throws -> Int {
        let json = Data(try await client.stats().utf8)
        return try JSONDecoder().decode(Figures.self, from: json).requestMemory.sharedBytes
    }

    private func expectNothingShared(_ client: EmbeddingClient) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while true {
            if try await sharedBytes(client) == 0 { return }
            try #require(ContinuousClock.now < deadline, "it is still shared")
        }
    }

    /// It is counted for as long as a disk thread may write to it.
    @Test func memoryIsCountedUntilItIsGivenBack() async throws {
        try await TestServer.with { server in
            try await server.connected { watcher in
                let table = try await watcher.createTable("t", schema: .exact(dimension: 4))
                _ = try await table.pull([1, 2])
                try demoteEverything(server, "t")
                server.cold.hold(.read)
                var raw: RawConnection? = try RawConnection(to: server.address)
                try raw?.shakeHands()
                try raw?.send(RequestEncoder().share(byteCount: 8 << 20))
                _ = try raw?.frame()
                #expect(try await sharedBytes(watcher) == 8 << 20)
                try raw?.send(
                    RequestEncoder().pull(
                        table: table.number, ids: [1, 2], create: false, place: 0))
                #expect(try await server.cold.untilHeld(.read))
                raw = nil
                try await Task.sleep(for: .milliseconds(100))
                #expect(try await sharedBytes(watcher) == 8 << 20)
                server.cold.release(.read)
                try await expectNothingShared(watcher)
                try await server.connected(sharedReplyBytes: 4096) { _ in }
                try await expectNothingShared(watcher)
            }
        }
    }

    /// A call that is given up leaves its part in use until its reply has come after all.
    @Test func aPartWaitsForALateReply() async throws {
        try await TestServer.with { server in
            let client = try await EmbeddingClient.connect(
                to: server.address, timeout: .milliseconds(500), sharedReplyBytes: 4096)
            let table = try await client.createTable("t", schema: .exact(dimension: 4))
            _ = try await table.pull([1, 2])
            try demoteEverything(server, "t")
            server.cold.hold(.read)
            await #expect(throws: ConnectionError.timedOut) {
                _ = try await table.pull([1, 2], create: false)
            }
            #expect(client.sharedReplies?.take(4096) == nil, "the server may still write to it")
            server.cold.release(.read)
            try await expectAllFree(client, 4096)
            await client.close()
        }
    }

    /// Nothing that a client may do to the file makes a write of the server fail.
    @Test func clientsCannotChangeTheMemory() throws {
        let budget = RequestMemory(limitBytes: 1 << 20)
        let memory = try ReplyMemory(byteCount: 1000, of: budget)
        #expect(budget.sharedBytes == Int(getpagesize()))
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
        #expect(mprotect(base, 4096, PROT_READ | PROT_WRITE) == -1)
        #expect(madvise(base, 4096, MADV_REMOVE) == -1, "a hole")
    }

    @Test func tcpSharesNothing() async throws {
        try await TestServer.with(socket: .tcp) { server in
            try await server.connected(sharedReplyBytes: 1 << 20) { client in
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
