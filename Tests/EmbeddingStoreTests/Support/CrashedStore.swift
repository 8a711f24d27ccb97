import Foundation
import NIOConcurrencyHelpers

@testable import EmbeddingStore

/// A store whose files can be had as they are when the process dies at this moment, any number of
/// times.
final class CrashedStore {
    let temporary: TemporaryStore
    private var copies: [String] = []

    init(
        memoryBytes: Int = 64 << 20, durability: Durability = .buffered, logBytesMax: Int = 1 << 30,
        clock: UnixClock = .system, removesExpiredRows: Bool = true
    ) throws {
        temporary = try TemporaryStore(
            memoryBytes: memoryBytes, durability: durability, logBytesMax: logBytesMax,
            clock: clock, removesExpiredRows: removesExpiredRows)
    }

    var store: Store { temporary.store }

    /// A copy of the files of the running store. Nothing may move to the cold tier meanwhile, nor the
    /// log be cut.
    func die() throws -> String {
        let path = NSTemporaryDirectory() + "thermocline-\(UUID().uuidString)"
        copies.append(path)
        try store.cuts.withLock {
            try store.coldWrites.withLock {
                try copy(to: path)
            }
        }
        return path
    }

    /// RocksDB may remove a file that it has merged while the folder is being copied; then again.
    private func copy(to path: String) throws {
        for _ in 0..<20 {
            do {
                return try FileManager.default.copyItem(atPath: temporary.path, toPath: path)
            } catch CocoaError.fileNoSuchFile, CocoaError.fileReadNoSuchFile {
                try FileManager.default.removeItem(atPath: path)
            }
        }
        try FileManager.default.copyItem(atPath: temporary.path, toPath: path)
    }

    static func open(
        _ path: String, memoryBytes: Int = 64 << 20, acceptsDamagedLog: Bool = false,
        durability: Durability = .buffered, clock: UnixClock = .system,
        removesExpiredRows: Bool = true
    ) throws -> Store {
        var options = Store.Options(
            memoryBytes: memoryBytes, shardCount: 8, durability: durability)
        options.acceptsDamagedLog = acceptsDamagedLog
        options.restoresHotRows = false
        options.clock = clock
        options.removesExpiredRows = removesExpiredRows
        return try Store(path: path, options: options)
    }

    static func logFiles(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path + "/log").sorted()
            .filter { $0.hasSuffix(".log") }.map { "\(path)/log/\($0)" }
    }

    deinit { copies.forEach { try? FileManager.default.removeItem(atPath: $0) } }
}
