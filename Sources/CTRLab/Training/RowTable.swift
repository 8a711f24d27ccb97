/// The table that a model's rows are in.
public protocol RowTable: Sendable {
    /// Floats in a row.
    var dimension: Int { get }

    /// Whether a push moves the rows of its own ids alone, so that those of others may be read
    /// before it.
    var hasOwnRows: Bool { get }

    /// The rows of different ids, float32[n][dimension]. Unknown ids are created, or without
    /// `create` served as the default row.
    func pull(_ ids: [UInt64], create: Bool) async throws -> [Float]

    /// One optimizer step for the rows of different ids.
    func push(_ ids: [UInt64], gradients: [Float]) async throws

    /// The same, and then the rows of different ids as they are afterwards, float32[n][dimension].
    func push(
        _ ids: [UInt64], gradients: [Float], thenPull pulled: [UInt64]
    ) async throws -> [Float]

    /// Where the table's bytes are now.
    func bytes() async throws -> TableBytes
}

extension RowTable {
    public func push(
        _ ids: [UInt64], gradients: [Float], thenPull pulled: [UInt64]
    ) async throws -> [Float] {
        try await push(ids, gradients: gradients)
        return pulled.isEmpty ? [] : try await pull(pulled, create: true)
    }
}
