public import EmbeddingStore

/// A table of a store in this process.
public struct StoreTable: RowTable {
    private let table: Table

    public init(_ table: Table) { self.table = table }

    public var dimension: Int { table.schema.dimension }

    public var hasOwnRows: Bool { table.schema.scheme == .full }

    public func pull(_ ids: [UInt64], create: Bool) throws -> [Float] {
        try table.pull(ids, create: create)
    }

    public func push(_ ids: [UInt64], gradients: [Float]) throws {
        try table.push(ids, gradients)
    }

    public func bytes() -> TableBytes { TableBytes(table.statistics(), table.schema) }
}
