public import EmbeddingStore
internal import Foundation

/// A store for tables that are of use only while something runs, in a folder that goes with it.
public final class ScratchStore {
    private let folder: URL
    private let store: Store

    /// - Parameter memoryBytes: of the hot tiers.
    public init(memoryBytes: Int) throws(StoreError) {
        folder = FileManager.default.temporaryDirectory
            .appending(path: "thermocline-lab-\(UUID().uuidString)")
        // What is removed in the end needs no log of its writes.
        store = try Store(
            path: folder.path, options: .init(memoryBytes: memoryBytes, durability: .none))
    }

    deinit {
        // Nothing in it is wanted any more.
        try? store.close()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Calls `body` with a new table, which is dropped afterwards.
    public func withTable<Result>(
        _ schema: TableSchema, _ body: (StoreTable) async throws -> Result
    ) async throws -> Result {
        let table = try store.createTable(named: "scratch", schema)
        do {
            let result = try await body(StoreTable(table))
            try store.dropTable(table)
            return result
        } catch {
            // What went wrong first is what is told.
            try? store.dropTable(table)
            throw error
        }
    }
}
