import Foundation
import Synchronization

@testable import EmbeddingStore

/// A cold tier that is a dictionary: as the disk, without one.
final class MemoryColdTier: ColdTier {
    private struct Contents {
        var catalog: [String: [UInt8]] = [:]
        var tables: [UInt32: [UInt64: [UInt8]]] = [:]
        var keyCounts: [UInt32: Int] = [:]
    }

    private let contents = Mutex(Contents())

    func catalog() throws(StoreError) -> [String: [UInt8]] { contents.withLock { $0.catalog } }

    func putCatalog(_ records: [String: [UInt8]?]) throws(StoreError) {
        contents.withLock { contents in
            for (name, record) in records { contents.catalog[name] = record }
        }
    }

    var tables: Set<UInt32> { contents.withLock { Set($0.tables.keys) } }

    func createTable(_ table: UInt32) throws(StoreError) {
        let isNew = contents.withLock { contents in
            if contents.tables[table] != nil { return false }
            contents.tables[table] = [:]
            return true
        }
        // As RocksDB, which has no two column families of one name.
        if !isNew { throw .storageFailed("there is a table \(table)") }
    }

    func dropTable(_ table: UInt32) throws(StoreError) {
        contents.withLock { $0.tables[table] = nil }
    }

    private func values(_ table: UInt32) throws(StoreError) -> [UInt64: [UInt8]] {
        guard let values = contents.withLock({ $0.tables[table] }) else {
            throw .unknownTable("number \(table)")
        }
        return values
    }

    func read(_ keys: [UInt64], table: UInt32) throws(StoreError) -> ColdRows {
        let values = try values(table)
        var rows = ColdRows()
        for key in keys {
            guard let value = values[key] else {
                rows.append(key, nil)
                continue
            }
            value.withUnsafeBytes { rows.append(key, $0) }
        }
        return rows
    }

    func write(_ rows: ColdRows, table: UInt32, keyCount: Int?) throws(StoreError) {
        _ = try values(table)
        let changes = rows.keys.indices.map { at in
            (rows.keys[at], rows.withValue(at: at) { value in value.map { Array($0) } })
        }
        contents.withLock { contents in
            for (key, value) in changes { contents.tables[table]?[key] = value }
            contents.keyCounts[table] = keyCount
        }
    }

    func keyCount(table: UInt32) throws(StoreError) -> Int? {
        contents.withLock { $0.keyCounts[table] }
    }

    func scan(
        table: UInt32, _ body: (UInt64, UnsafeRawBufferPointer) throws(StoreError) -> Bool
    ) throws(StoreError) {
        for (key, value) in try values(table).sorted(by: { $0.key < $1.key }) {
            let goOn = try value.withBytes { (bytes) throws(StoreError) in try body(key, bytes) }
            if !goOn { return }
        }
    }

    func byteCount(table: UInt32) -> Int {
        contents.withLock { $0.tables[table]?.values.reduce(0) { $0 + 8 + $1.count } ?? 0 }
    }

    func keepWrites(synced: Bool) {}
    func sync() throws(StoreError) {}

    func checkpoint(to path: String) throws(StoreError) {
        throw .unsupported("a dictionary has no files to copy")
    }

    func close() {}
}
