import EmbeddingClient
import EmbeddingServer
import EmbeddingWire
import Foundation
import Testing

@testable import EmbeddingStore

/// Tables whose rows a network makes, from a client to a checkpoint.
@Suite struct DeepHashTests {
    private var schema: EmbeddingWire.TableSchema {
        .init(
            dimension: 4, hot: .float32, cold: .int16,
            optimizer: .adam(learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8),
            initializer: .uniform(low: -0.01, high: 0.01),
            scheme: .deepHash(hashes: 24, hidden: 12), seed: 3)
    }

    /// Few ids are answered on the event loop, many elsewhere; both give the same rows, and so does
    /// a copy of the store.
    @Test func rowsAreTheSameFromAClientToACheckpoint() async throws {
        let ids = (0..<1000).map { UInt64($0) &* 0x9E37_79B9_7F4A_7C15 }
        try await TestServer.with { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: schema)
                let start = try await table.pull(ids).values
                try await table.push([1, 2], gradients: [1, 2, 3, 4, 5, 6, 7, 8])
                let rows = try await table.pull(ids).values
                #expect(rows.allSatisfy { $0.isFinite } && rows != start)
                for at in stride(from: 0, to: 50, by: 10) {
                    let few = try await table.pull(Array(ids[at..<at + 10]), create: false)
                    #expect(few.values == Array(rows[4 * at..<4 * (at + 10)]))
                    #expect(few.found == Array(repeating: true, count: 10))
                }
                let copy = TestServer.temporaryPath()
                defer { try? FileManager.default.removeItem(atPath: copy) }
                _ = try await client.checkpoint(to: copy)
                let copied = try Store(path: copy, options: .init(memoryBytes: 1 << 20))
                defer { try? copied.close() }
                expectRows(try copied.table(named: "t").pull(ids), rows)
            }
        }
    }

    @Test func rowsOfANetworkAreNotAssignedOrDeleted() async throws {
        try await TestServer.with { server in
            try await server.connected { client in
                let table = try await client.createTable("t", schema: schema)
                let assigning = try await refusal {
                    try await table.assign([1], rows: [1, 2, 3, 4])
                }
                #expect(assigning == .unsupported)
                #expect(try await refusal { _ = try await table.delete([1]) } == .unsupported)
                #expect(try await client.table(named: "t").schema == schema)
            }
        }
    }
}
