internal import CRocksDB
internal import Foundation
internal import NIOConcurrencyHelpers

/// The cold tier on RocksDB: a column family for each table, keys big-endian so that they sort as numbers, and the
/// catalog in the default family.
final class RocksDBColdTier: ColdTier {
    let path: String
    private let options: RocksDBOptions
    /// Nil once closed.
    private let families: NIOLockedValueBox<Families?>
    /// Numbers the files that are to be ingested; guarded, like every write, by the store.
    private let nextFile = NIOLockedValueBox(0)

    /// From so many rows on a write is a sorted file that RocksDB takes over, several times cheaper than single puts.
    private static let ingestedRowsMin = 4096

    init(path: String, readOnly: Bool) throws(StoreError) {
        let options = RocksDBOptions()
        self.options = options
        self.path = path
        let names = try Self.familyNames(path, options, readOnly: readOnly)
        var handles = [OpaquePointer?](repeating: nil, count: names.count)
        let familyOptions = [OpaquePointer?](repeating: options.options, count: names.count)
        let pointer = try Self.withCStrings(names) { (cNames) throws(StoreError) in
            try StoreError.checkingRocksDB(path: path) { error in
                readOnly
                    ? rocksdb_open_for_read_only_column_families(
                        options.options, path, Int32(names.count), cNames, familyOptions, &handles, 0, error)
                    : rocksdb_open_column_families(
                        options.options, path, Int32(names.count), cNames, familyOptions, &handles, error)
            }
        }
        // Without an error there are a database and its handles.
        let database = Database(pointer!, options)
        let opened = handles.map { ColumnFamily($0!, of: database) }
        let tables = zip(names, opened).compactMap { name, family in
            Self.table(ofFamily: name).map { ($0, family) }
        }
        families = NIOLockedValueBox(
            Families(
                catalog: opened[0], tables: Dictionary(uniqueKeysWithValues: tables)))
    }

    private struct Families {
        let catalog: ColumnFamily
        var tables: [UInt32: ColumnFamily]
    }

    private static func familyNames(
        _ path: String, _ options: RocksDBOptions, readOnly: Bool
    ) throws(StoreError) -> [String] {
        if !FileManager.default.fileExists(atPath: path + "/CURRENT") {
            if readOnly { throw .badDataDirectory("\(path) holds no store") }
            return ["default"]
        }
        var count = 0
        let list = try StoreError.checkingRocksDB(path: path) {
            rocksdb_list_column_families(options.options, path, &count, $0)
        }
        defer { rocksdb_list_column_families_destroy(list, count) }
        let names = (0..<count).map { String(cString: list![$0]!) }  // without an error there are `count` names
        return ["default"] + names.filter { $0 != "default" }
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafePointer<CChar>?]) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let copies = strings.map { strdup($0) }
        defer { copies.forEach { free($0) } }
        return try body(copies.map { UnsafePointer($0) })
    }

    private static func familyName(_ table: UInt32) -> String { "table-\(table)" }

    private static func table(ofFamily name: String) -> UInt32? {
        name.hasPrefix("table-") ? UInt32(name.dropFirst(6)) : nil
    }

    // MARK: tables

    var tables: Set<UInt32> { families.withLockedValue { Set($0?.tables.keys.map { $0 } ?? []) } }

    func createTable(_ table: UInt32) throws(StoreError) {
        let database = try catalogFamily().database
        let handle = try StoreError.checkingRocksDB(path: path) {
            rocksdb_create_column_family(database.pointer, options.options, Self.familyName(table), $0)
        }
        let family = ColumnFamily(handle!, of: database)  // without an error there is a handle
        families.withLockedValue { $0?.tables[table] = family }
    }

    func dropTable(_ table: UInt32) throws(StoreError) {
        let family = try family(table)
        try StoreError.checkingRocksDB(path: path) {
            rocksdb_drop_column_family(family.database.pointer, family.handle, $0)
        }
        // Readers that are under way keep the family, and so its files, until they are done.
        families.withLockedValue { $0?.tables[table] = nil }
    }

    private func opened() throws(StoreError) -> Families {
        guard let families = families.withLockedValue({ $0 }) else { throw .closed }
        return families
    }

    private func catalogFamily() throws(StoreError) -> ColumnFamily { try opened().catalog }

    private func family(_ table: UInt32) throws(StoreError) -> ColumnFamily {
        guard let family = try opened().tables[table] else {
            throw .unknownTable("number \(table)")
        }
        return family
    }

    // MARK: rows

    func read(_ keys: [UInt64], table: UInt32) throws(StoreError) -> ColdRows {
        var rows = ColdRows(reservingRows: keys.count, bytesPerRow: 64)
        if keys.isEmpty { return rows }
        let family = try family(table)
        let bigEndian = keys.map(\.bigEndian)
        var values = [OpaquePointer?](repeating: nil, count: keys.count)
        var errors = [UnsafeMutablePointer<CChar>?](repeating: nil, count: keys.count)
        bigEndian.withUnsafeBytes { bytes in
            let base = bytes.baseAddress!.assumingMemoryBound(to: CChar.self)  // keys is not empty
            let addresses = (0..<keys.count).map { Optional(base + $0 * 8) }
            rocksdb_batched_multi_get_cf(
                family.database.pointer, options.reads, family.handle, keys.count, addresses,
                Array(repeating: 8, count: keys.count), &values, &errors, false)
        }
        defer {
            for value in values { if let value { rocksdb_pinnableslice_destroy(value) } }
            for error in errors { if let error { rocksdb_free(error) } }
        }
        for (at, key) in keys.enumerated() {
            if let error = errors[at] {
                throw StoreError(rocksDB: String(cString: error), path: path)
            }
            var length = 0
            let value = values[at].flatMap { rocksdb_pinnableslice_value($0, &length) }
            rows.append(key, value.map { UnsafeRawBufferPointer(start: $0, count: length) })
        }
        return rows
    }

    func write(_ rows: ColdRows, table: UInt32) throws(StoreError) {
        let family = try family(table)
        if rows.count >= Self.ingestedRowsMin {
            try ingest(rows, into: family)
        } else {
            try put(rows, into: family)
        }
    }

    private func put(_ rows: ColdRows, into family: ColumnFamily) throws(StoreError) {
        let batch = rocksdb_writebatch_create()
        defer { rocksdb_writebatch_destroy(batch) }
        for (at, key) in rows.keys.enumerated() {
            withUnsafeBytes(of: key.bigEndian) { key in
                let key = key.baseAddress!.assumingMemoryBound(to: CChar.self)  // 8 bytes
                rows.withValue(at: at) { value in
                    if let value {
                        rocksdb_writebatch_put_cf(
                            batch, family.handle, key, 8,
                            value.baseAddress!.assumingMemoryBound(to: CChar.self), value.count)  // never empty
                    } else {
                        rocksdb_writebatch_delete_cf(batch, family.handle, key, 8)
                    }
                }
            }
        }
        try StoreError.checkingRocksDB(path: path) {
            rocksdb_write(family.database.pointer, options.rowWrites, batch, $0)
        }
    }

    /// Writes a sorted file beside the database and has it taken over.
    private func ingest(_ rows: ColdRows, into family: ColumnFamily) throws(StoreError) {
        let file = nextFile.withLockedValue { number in
            defer { number += 1 }
            return "\(path)/ingest-\(getpid())-\(number).sst"
        }
        // Gone when it was taken over; whatever happened, nothing of it stays behind.
        defer { unlink(file) }
        let writer = rocksdb_sstfilewriter_create(options.environment, options.options)
        defer { rocksdb_sstfilewriter_destroy(writer) }
        try StoreError.checkingRocksDB(path: file) { rocksdb_sstfilewriter_open(writer, file, $0) }
        for at in rows.sortedPositions() {
            try withUnsafeBytes(of: rows.keys[at].bigEndian) { (key) throws(StoreError) in
                let key = key.baseAddress!.assumingMemoryBound(to: CChar.self)  // 8 bytes
                try rows.withValue(at: at) { (value) throws(StoreError) in
                    try StoreError.checkingRocksDB(path: file) { error in
                        if let value {
                            rocksdb_sstfilewriter_put(
                                writer, key, 8,
                                value.baseAddress!.assumingMemoryBound(to: CChar.self), value.count,  // never empty
                                error)
                        } else {
                            rocksdb_sstfilewriter_delete(writer, key, 8, error)
                        }
                    }
                }
            }
        }
        try StoreError.checkingRocksDB(path: file) { rocksdb_sstfilewriter_finish(writer, $0) }
        let copy = strdup(file)
        defer { free(copy) }
        try StoreError.checkingRocksDB(path: file) {
            rocksdb_ingest_external_file_cf(
                family.database.pointer, family.handle, [UnsafePointer(copy)], 1, options.ingestion, $0)
        }
    }

    func scan(
        table: UInt32, _ body: (UInt64, UnsafeRawBufferPointer) throws(StoreError) -> Bool
    ) throws(StoreError) {
        try scan(try family(table)) { (key, value) throws(StoreError) in
            guard key.count == 8 else { throw .damaged("\(path): a key of \(key.count) bytes") }
            return try body(key.loadUnaligned(as: UInt64.self).bigEndian, value)
        }
    }

    private func scan(
        _ family: ColumnFamily,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(StoreError) -> Bool
    ) throws(StoreError) {
        let iterator = rocksdb_create_iterator_cf(family.database.pointer, options.scans, family.handle)
        defer { rocksdb_iter_destroy(iterator) }
        rocksdb_iter_seek_to_first(iterator)
        while rocksdb_iter_valid(iterator) != 0 {
            var keyLength = 0
            var valueLength = 0
            let key = rocksdb_iter_key(iterator, &keyLength)
            let value = rocksdb_iter_value(iterator, &valueLength)
            let goOn = try body(
                UnsafeRawBufferPointer(start: key, count: keyLength),
                UnsafeRawBufferPointer(start: value, count: valueLength))
            if !goOn { return }
            rocksdb_iter_next(iterator)
        }
        try StoreError.checkingRocksDB(path: path) { rocksdb_iter_get_error(iterator, $0) }
    }

    func byteCount(table: UInt32) -> Int {
        guard let family = try? family(table) else { return 0 }  // dropped a moment ago
        return ["rocksdb.total-sst-files-size", "rocksdb.cur-size-all-mem-tables"].reduce(0) { sum, name in
            var bytes: UInt64 = 0
            rocksdb_property_int_cf(family.database.pointer, family.handle, name, &bytes)
            return sum + Int(bytes)
        }
    }

    // MARK: the catalog

    func catalog() throws(StoreError) -> [String: [UInt8]] {
        var records: [String: [UInt8]] = [:]
        try scan(catalogFamily()) { key, value in
            records[String(decoding: key, as: UTF8.self)] = Array(value)
            return true
        }
        return records
    }

    func putCatalog(_ records: [String: [UInt8]?]) throws(StoreError) {
        let family = try catalogFamily()
        let batch = rocksdb_writebatch_create()
        defer { rocksdb_writebatch_destroy(batch) }
        for (name, record) in records {
            if let record {
                record.withUnsafeBytes {
                    rocksdb_writebatch_put_cf(
                        batch, family.handle, name, name.utf8.count,
                        $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
                }
            } else {
                rocksdb_writebatch_delete_cf(batch, family.handle, name, name.utf8.count)
            }
        }
        try StoreError.checkingRocksDB(path: path) {
            rocksdb_write(family.database.pointer, options.catalogWrites, batch, $0)
        }
    }

    // MARK: the whole

    func sync() throws(StoreError) {
        let flush = rocksdb_flushoptions_create()
        defer { rocksdb_flushoptions_destroy(flush) }
        rocksdb_flushoptions_set_wait(flush, 1)
        let families = try opened()
        for family in [families.catalog] + families.tables.values {
            try StoreError.checkingRocksDB(path: path) {
                rocksdb_flush_cf(family.database.pointer, flush, family.handle, $0)
            }
        }
    }

    func checkpoint(to destination: String) throws(StoreError) {
        let database = try catalogFamily().database
        let checkpoint = try StoreError.checkingRocksDB(path: path) {
            rocksdb_checkpoint_object_create(database.pointer, $0)
        }
        defer { rocksdb_checkpoint_object_destroy(checkpoint) }
        // 0: memtables are written out first, since their rows are in no log.
        try StoreError.checkingRocksDB(path: destination) {
            rocksdb_checkpoint_create(checkpoint, destination, 0, $0)
        }
    }

    func close() {
        families.withLockedValue { $0 = nil }
    }
}

/// An open database; closes when the last family is gone.
private final class Database: @unchecked Sendable {  // RocksDB is thread-safe
    let pointer: OpaquePointer
    /// The cache and the options must outlive the database.
    private let options: RocksDBOptions

    init(_ pointer: OpaquePointer, _ options: RocksDBOptions) {
        self.pointer = pointer
        self.options = options
    }

    deinit { rocksdb_close(pointer) }
}

private final class ColumnFamily: @unchecked Sendable {  // RocksDB is thread-safe
    let handle: OpaquePointer
    let database: Database

    init(_ handle: OpaquePointer, of database: Database) {
        self.handle = handle
        self.database = database
    }

    deinit { rocksdb_column_family_handle_destroy(handle) }
}
