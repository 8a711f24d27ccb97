import Foundation

@testable import EmbeddingStore

/// A store whose disk fails on demand, in a folder of its own.
final class FaultyStore {
    let path: String
    private(set) var cold: FaultyColdTier
    private(set) var store: Store
    private let options: Store.Options

    init(
        memoryBytes: Int = 1 << 20, demotesInBackground: Bool = false,
        clock: UnixClock = .system
    ) throws {
        path = NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
        var options = Store.Options(memoryBytes: memoryBytes, shardCount: 4)
        options.demotesInBackground = demotesInBackground
        options.clock = clock
        self.options = options
        (cold, store) = try Self.open(path, options)
    }

    private static func open(_ path: String, _ options: Store.Options) throws -> (FaultyColdTier, Store) {
        let directory = try DataDirectory(path: path, readOnly: false)
        let cold = FaultyColdTier(try RocksDBColdTier(path: directory.coldPath, readOnly: false, mayCreate: true))
        return (cold, try Store(directory: directory, cold: cold, options: options))
    }

    /// Opens again what was closed.
    func open() throws { (cold, store) = try Self.open(path, options) }

    /// A table with a row for each of `ids`, all of them on disk: the row of the n-th id has n + 1
    /// everywhere.
    func tableOnDisk(ids: [UInt64], dimension: Int = 24) throws -> Table {
        let table = try store.createTable(named: "t", .exact(dimension: dimension))
        try table.assign(ids, Self.rows(ids.count, dimension))
        try demoteEverything(of: table)
        return table
    }

    static func rows(_ count: Int, _ dimension: Int = 24) -> [Float] {
        (0..<count).flatMap { Array(repeating: Float($0 + 1), count: dimension) }
    }

    deinit {
        cold.recover()
        try? store.close()  // a test may have closed it in its own way
        try? FileManager.default.removeItem(atPath: path)
    }
}
