public import EmbeddingClient
public import EmbeddingStore
internal import Foundation

/// A table of a running server.
public struct ServedTable: RowTable {
    private let table: EmbeddingTable
    private let schema: EmbeddingStore.TableSchema

    /// - Parameter schema: of the table, as the store has it.
    public init(_ table: EmbeddingTable, schema: EmbeddingStore.TableSchema) {
        self.table = table
        self.schema = schema
    }

    public var dimension: Int { table.dimension }

    public var hasOwnRows: Bool { schema.scheme == .full }

    public func pull(_ ids: [UInt64], create: Bool) async throws -> [Float] {
        let parts = parts(of: ids)
        if parts.count <= 1 { return try await table.pull(ids, create: create).values }
        return try await withThrowingTaskGroup(of: (Int, [Float]).self) { group in
            for part in parts {
                group.addTask {
                    (
                        part.lowerBound,
                        try await table.pull(Array(ids[part]), create: create).values
                    )
                }
            }
            let pulled = try await group.reduce(into: []) { $0.append($1) }
            return pulled.sorted { $0.0 < $1.0 }.flatMap(\.1)
        }
    }

    /// Ids beyond the server's limit for one request are pushed in several steps.
    public func push(_ ids: [UInt64], gradients: [Float]) async throws {
        for part in parts(of: ids) {
            let values = part.lowerBound * dimension..<part.upperBound * dimension
            try await table.push(Array(ids[part]), gradients: Array(gradients[values]))
        }
    }

    public func push(
        _ ids: [UInt64], gradients: [Float], thenPull pulled: [UInt64]
    ) async throws -> [Float] {
        guard parts(of: ids).count == 1, parts(of: pulled).count == 1 else {
            try await push(ids, gradients: gradients)
            return pulled.isEmpty ? [] : try await pull(pulled, create: true)
        }
        return try await table.push(ids, gradients: gradients, thenPull: pulled).values
    }

    public func bytes() async throws -> TableBytes {
        struct Statistics: Decodable { var tables: [TableStatistics] }
        let json = Data(try await table.client.stats().utf8)
        let tables = try JSONDecoder().decode(Statistics.self, from: json).tables
        guard let statistics = tables.first(where: { $0.name == table.name }) else {
            throw CTRLabError.badInput("the server has no table \(table.name) any more")
        }
        return TableBytes(statistics, schema)
    }

    private func parts(of ids: [UInt64]) -> [Range<Int>] {
        let most = max(table.client.idsMax, 1)
        return stride(from: 0, to: ids.count, by: most).map { $0..<min($0 + most, ids.count) }
    }
}
