internal import CRocksDB
internal import Foundation
internal import NIOConcurrencyHelpers
import Synchronization

/// The cold tier on RocksDB: a column family for each table, keys big-endian so that they sort as
/// numbers, and the catalog in the default family.
final class RocksDBColdTier: ColdTier {
    let path: String
    private let options: RocksDBOptions
    /// Nil once closed.
    private let families: NIOLockedValueBox<Families?>
    /// Numbers the files that are to be ingested; guarded, like every write, by the store.
    private let nextFile = NIOLockedValueBox(0)
    /// Whether rows survive without the rest of the store: 0 not, 1 the process, 2 the machine.
    private let kept = Atomic(0)

    /// From so many rows on a write is a sorted file that RocksDB takes over, several times cheaper
    /// than single puts.
    private static let ingestedRowsMin = 4096

    /// - Parameter compresses: whether files that are written are compressed; all can be read.
    init(
        path: String, readOnly: Bool, mayCreate: Bool, compresses: Bool = false
    ) throws(StoreError) {
        let options = RocksDBOptions(compresses: compresses)
        self.options = options
        if !readOnly { Self.removeLeftovers(path) }
        self.path = path
        let names = try Self.familyNames(path, options, mayCreate: mayCreate && !readOnly)
        var handles = unsafe [OpaquePointer?](repeating: nil, count: names.count)
        let familyOptions = unsafe [OpaquePointer?](repeating: options.options, count: names.count)
        let pointer = try unsafe Self.withCStrings(names) { (cNames) throws(StoreError) in
            try unsafe StoreError.checkingRocksDB(path: path) { error in
                unsafe readOnly
                    ? rocksdb_open_for_read_only_column_families(
                        options.options, path, Int32(names.count), cNames, familyOptions, &handles,
                        0, error)
                    : rocksdb_open_column_families(
                        options.options, path, Int32(names.count), cNames, familyOptions, &handles,
                        error)
            }
        }
        // Without an error there are a database and its handles.
        let database = unsafe Database(pointer!, options)
        let opened = unsafe handles.map { unsafe ColumnFamily($0!, of: database) }
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

    /// Files that a process which was killed was about to have taken over.
    private static func removeLeftovers(_ path: String) {
        // No folder, no leftovers; one that stays is in nobody's way.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        for name in names where name.hasPrefix("ingest-") && name.hasSuffix(".sst") {
            try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
    }

    private static func familyNames(
        _ path: String, _ options: RocksDBOptions, mayCreate: Bool
    ) throws(StoreError) -> [String] {
        if !FileManager.default.fileExists(atPath: path + "/CURRENT") {
            // A new store may be made; in the place of one that is gone, never.
            guard mayCreate else { throw .damaged("\(path)/CURRENT is missing") }
            return ["default"]
        }
        var count = 0
        let list = try unsafe StoreError.checkingRocksDB(path: path) {
            unsafe rocksdb_list_column_families(options.options, path, &count, $0)
        }
        defer { unsafe rocksdb_list_column_families_destroy(list, count) }
        // Without an error there are `count` names.
        let names = (0..<count).map { unsafe String(cString: list![$0]!) }
        return ["default"] + names.filter { $0 != "default" }
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafePointer<CChar>?]) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let copies = unsafe strings.map { unsafe strdup($0) }
        defer { unsafe copies.forEach { unsafe free($0) } }
        return try unsafe body(copies.map { unsafe UnsafePointer($0) })
    }

    private static func familyName(_ table: UInt32) -> String { "table-\(table)" }

    /// The table whose rows a column family has; nil for the catalog's.
    static func table(ofFamily name: String) -> UInt32? {
        name.hasPrefix("table-") ? UInt32(name.dropFirst(6)) : nil
    }

    // MARK: tables

    var tables: Set<UInt32> { families.withLockedValue { Set($0?.tables.keys.map { $0 } ?? []) } }

    func createTable(_ table: UInt32) throws(StoreError) {
        let database = try catalogFamily().database
        let handle = try unsafe StoreError.checkingRocksDB(path: path) {
            unsafe rocksdb_create_column_family(
                database.pointer, options.options, Self.familyName(table), $0)
        }
        // Without an error there is a handle.
        let family = unsafe ColumnFamily(handle!, of: database)
        families.withLockedValue { $0?.tables[table] = family }
    }

    func dropTable(_ table: UInt32) throws(StoreError) {
        let family = try family(table)
        try unsafe StoreError.checkingRocksDB(path: path) {
            unsafe rocksdb_drop_column_family(family.database.pointer, family.handle, $0)
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
        var values = unsafe [OpaquePointer?](repeating: nil, count: keys.count)
        var errors = unsafe [UnsafeMutablePointer<CChar>?](repeating: nil, count: keys.count)
        unsafe bigEndian.withUnsafeBytes { bytes in
            // `keys` is not empty.
            let base = unsafe bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
            let addresses = unsafe (0..<keys.count).map { unsafe Optional(base + $0 * 8) }
            unsafe rocksdb_batched_multi_get_cf(
                family.database.pointer, options.reads, family.handle, keys.count, addresses,
                Array(repeating: 8, count: keys.count), &values, &errors, Self.isAscending(keys))
        }
        defer {
            for at in keys.indices {
                if let value = unsafe values[at] { unsafe rocksdb_pinnableslice_destroy(value) }
                if let error = unsafe errors[at] { unsafe rocksdb_free(error) }
            }
        }
        for (at, key) in keys.enumerated() {
            if let error = unsafe errors[at] {
                throw unsafe StoreError(rocksDB: String(cString: error), path: path)
            }
            var length = 0
            let value = unsafe values[at].flatMap {
                unsafe rocksdb_pinnableslice_value($0, &length)
            }
            unsafe rows.append(
                key, value.map { unsafe UnsafeRawBufferPointer(start: $0, count: length) })
        }
        return rows
    }

    /// Then RocksDB need not sort them.
    private static func isAscending(_ keys: [UInt64]) -> Bool {
        keys.indices.dropFirst().allSatisfy { keys[$0 - 1] < keys[$0] }
    }

    func write(_ rows: ColdRows, table: UInt32, keyCount: Int?) throws(StoreError) {
        let family = try family(table)
        // A file to ingest is written once, and its rows perhaps again by a flush that it causes.
        try DiskSpace.check(
            path, for: 2 * rows.valueBytes, leaving: DiskSpace.leftByColdTierBytes)
        if rows.count >= Self.ingestedRowsMin {
            try ingest(rows, KeyCount(keyCount), into: family)
        } else {
            try put(rows, KeyCount(keyCount), into: family)
        }
    }

    /// Puts rows whose number nobody keeps yet: their files say nothing of it, so that those of
    /// ascending keys do not overlap, and RocksDB need not merge them. A `write` follows that says it.
    func append(_ rows: ColdRows, table: UInt32) throws(StoreError) {
        if rows.count == 0 { return }
        try DiskSpace.check(
            path, for: 2 * rows.valueBytes, leaving: DiskSpace.leftByColdTierBytes)
        try ingest(rows, nil, into: try family(table))
    }

    func keyCount(table: UInt32) throws(StoreError) -> Int? {
        let family = try family(table)
        var length = 0
        let value = try unsafe StoreError.checkingRocksDB(path: path) { error in
            unsafe KeyCount.withKey {
                unsafe rocksdb_get_cf(
                    family.database.pointer, options.reads, family.handle, $0, KeyCount.keyBytes,
                    &length, error)
            }
        }
        guard let value = unsafe value else { return nil }
        defer { unsafe rocksdb_free(value) }
        return try unsafe KeyCount(UnsafeRawBufferPointer(start: value, count: length)).keys
    }

    private func put(
        _ rows: ColdRows, _ keyCount: KeyCount, into family: ColumnFamily
    ) throws(StoreError) {
        let batch = unsafe rocksdb_writebatch_create()
        defer { unsafe rocksdb_writebatch_destroy(batch) }
        for (at, key) in rows.keys.enumerated() {
            unsafe withUnsafeBytes(of: key.bigEndian) { key in
                let key = unsafe key.baseAddress!.assumingMemoryBound(to: CChar.self)  // 8 bytes
                unsafe rows.withValue(at: at) { value in
                    if let value = unsafe value {
                        unsafe rocksdb_writebatch_put_cf(
                            batch, family.handle, key, 8,
                            // Never empty.
                            value.baseAddress!.assumingMemoryBound(to: CChar.self), value.count)
                    } else {
                        unsafe rocksdb_writebatch_delete_cf(batch, family.handle, key, 8)
                    }
                }
            }
        }
        unsafe keyCount.withEntry { key, value in
            unsafe rocksdb_writebatch_put_cf(
                batch, family.handle, key, KeyCount.keyBytes, value, KeyCount.valueBytes)
        }
        try unsafe StoreError.checkingRocksDB(path: path) {
            unsafe rocksdb_write(family.database.pointer, rowWrites(), batch, $0)
        }
    }

    /// Writes a sorted file beside the database and has it taken over.
    private func ingest(
        _ rows: ColdRows, _ keyCount: KeyCount?, into family: ColumnFamily
    ) throws(StoreError) {
        let file = nextFile.withLockedValue { number in
            defer { number += 1 }
            return "\(path)/ingest-\(getpid())-\(number).sst"
        }
        // Gone when it was taken over; whatever happened, nothing of it stays behind.
        defer { unsafe unlink(file) }
        let writer = unsafe rocksdb_sstfilewriter_create(options.environment, options.options)
        defer { unsafe rocksdb_sstfilewriter_destroy(writer) }
        try unsafe StoreError.checkingRocksDB(path: file) {
            unsafe rocksdb_sstfilewriter_open(writer, file, $0)
        }
        for at in rows.sortedPositions() {
            try unsafe withUnsafeBytes(of: rows.keys[at].bigEndian) { (key) throws(StoreError) in
                let key = unsafe key.baseAddress!.assumingMemoryBound(to: CChar.self)  // 8 bytes
                try unsafe rows.withValue(at: at) { (value) throws(StoreError) in
                    try unsafe StoreError.checkingRocksDB(path: file) { error in
                        if let value = unsafe value {
                            unsafe rocksdb_sstfilewriter_put(
                                writer, key, 8,
                                value.baseAddress!.assumingMemoryBound(to: CChar.self),
                                value.count,  // never empty
                                error)
                        } else {
                            unsafe rocksdb_sstfilewriter_delete(writer, key, 8, error)
                        }
                    }
                }
            }
        }
        // Behind every row.
        try unsafe StoreError.checkingRocksDB(path: file) { error in
            unsafe keyCount?.withEntry { key, value in
                unsafe rocksdb_sstfilewriter_put(
                    writer, key, KeyCount.keyBytes, value, KeyCount.valueBytes, error)
            }
        }
        try unsafe StoreError.checkingRocksDB(path: file) {
            unsafe rocksdb_sstfilewriter_finish(writer, $0)
        }
        let copy = unsafe strdup(file)
        defer { unsafe free(copy) }
        try unsafe StoreError.checkingRocksDB(path: file) {
            unsafe rocksdb_ingest_external_file_cf(
                family.database.pointer, family.handle, [UnsafePointer(copy)], 1, options.ingestion,
                $0)
        }
    }

    func scan(
        table: UInt32, _ body: (UInt64, UnsafeRawBufferPointer) throws(StoreError) -> Bool
    ) throws(StoreError) {
        try unsafe scan(try family(table)) { (key, value) throws(StoreError) in
            if unsafe KeyCount.isKey(key) { return true }
            guard key.count == 8 else { throw .damaged("\(path): a key of \(key.count) bytes") }
            return try unsafe body(key.loadUnaligned(as: UInt64.self).bigEndian, value)
        }
    }

    private func scan(
        _ family: ColumnFamily,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(StoreError) -> Bool
    ) throws(StoreError) {
        let iterator = unsafe rocksdb_create_iterator_cf(
            family.database.pointer, options.scans, family.handle)
        defer { unsafe rocksdb_iter_destroy(iterator) }
        unsafe rocksdb_iter_seek_to_first(iterator)
        while unsafe rocksdb_iter_valid(iterator) != 0 {
            var keyLength = 0
            var valueLength = 0
            let key = unsafe rocksdb_iter_key(iterator, &keyLength)
            let value = unsafe rocksdb_iter_value(iterator, &valueLength)
            let goOn = try unsafe body(
                UnsafeRawBufferPointer(start: key, count: keyLength),
                UnsafeRawBufferPointer(start: value, count: valueLength))
            if !goOn { return }
            unsafe rocksdb_iter_next(iterator)
        }
        try unsafe StoreError.checkingRocksDB(path: path) {
            unsafe rocksdb_iter_get_error(iterator, $0)
        }
    }

    /// Merges a table's files, so that each key is in one.
    func compact(table: UInt32) throws(StoreError) {
        let family = try family(table)
        try flush(family)
        unsafe rocksdb_compact_range_cf(
            family.database.pointer, family.handle, nil, 0, nil, 0)
    }

    func byteCount(table: UInt32) -> Int {
        guard let family = try? family(table) else { return 0 }  // dropped a moment ago
        return ["rocksdb.total-sst-files-size", "rocksdb.cur-size-all-mem-tables"].reduce(0) {
            sum, name in
            var bytes: UInt64 = 0
            unsafe rocksdb_property_int_cf(family.database.pointer, family.handle, name, &bytes)
            return sum + Int(bytes)
        }
    }

    func rowFiles() throws(StoreError) -> [String: UInt32?] {
        let database = try catalogFamily().database
        let list = unsafe rocksdb_livefiles(database.pointer)
        defer { unsafe rocksdb_livefiles_destroy(list) }
        var files: [String: UInt32?] = [:]
        for at in unsafe 0..<rocksdb_livefiles_count(list) {
            // Names begin with a slash.
            let name = unsafe String(cString: rocksdb_livefiles_name(list, at)).dropFirst()
            let family = unsafe String(cString: rocksdb_livefiles_column_family_name(list, at))
            files.updateValue(Self.table(ofFamily: family), forKey: String(name))
        }
        return files
    }

    // MARK: the catalog

    func catalog() throws(StoreError) -> [String: [UInt8]] {
        var records: [String: [UInt8]] = [:]
        try unsafe scan(catalogFamily()) { key, value in
            unsafe records[String(decoding: key, as: UTF8.self)] = unsafe Array(value)
            return true
        }
        return records
    }

    func putCatalog(_ records: [String: [UInt8]?]) throws(StoreError) {
        let family = try catalogFamily()
        let batch = unsafe rocksdb_writebatch_create()
        defer { unsafe rocksdb_writebatch_destroy(batch) }
        for (name, record) in records {
            if let record {
                unsafe record.withUnsafeBytes {
                    unsafe rocksdb_writebatch_put_cf(
                        batch, family.handle, name, name.utf8.count,
                        $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
                }
            } else {
                unsafe rocksdb_writebatch_delete_cf(batch, family.handle, name, name.utf8.count)
            }
        }
        try unsafe StoreError.checkingRocksDB(path: path) {
            unsafe rocksdb_write(family.database.pointer, options.syncedWrites, batch, $0)
        }
        // RocksDB reads its log as far as it is sound, and a table whose record was lost there would
        // be taken for one that is being made. Files of rows it reads wholly or not at all.
        try flush(family)
    }

    // MARK: the whole

    func keepWrites(synced: Bool) { kept.store(synced ? 2 : 1, ordering: .relaxed) }

    private func rowWrites() -> OpaquePointer {
        switch kept.load(ordering: .relaxed) {
        case 0: unsafe options.volatileWrites
        case 1: unsafe options.keptWrites
        default: unsafe options.syncedWrites
        }
    }

    func sync() throws(StoreError) {
        let families = try opened()
        for family in [families.catalog] + families.tables.values { try flush(family) }
    }

    /// Writes what a family has in memory to a file.
    private func flush(_ family: ColumnFamily) throws(StoreError) {
        let flush = unsafe rocksdb_flushoptions_create()
        defer { unsafe rocksdb_flushoptions_destroy(flush) }
        unsafe rocksdb_flushoptions_set_wait(flush, 1)
        try unsafe StoreError.checkingRocksDB(path: path) {
            unsafe rocksdb_flush_cf(family.database.pointer, flush, family.handle, $0)
        }
    }

    func checkpoint(to destination: String) throws(StoreError) {
        let database = try catalogFamily().database
        let checkpoint = try unsafe StoreError.checkingRocksDB(path: path) {
            unsafe rocksdb_checkpoint_object_create(database.pointer, $0)
        }
        defer { unsafe rocksdb_checkpoint_object_destroy(checkpoint) }
        // 0: memtables are written out first, since their rows are in no log.
        try unsafe StoreError.checkingRocksDB(path: destination) {
            unsafe rocksdb_checkpoint_create(checkpoint, destination, 0, $0)
        }
    }

    func close() {
        families.withLockedValue { $0 = nil }
    }
}

/// An open database; closes when the last family is gone.
@safe private final class Database: @unchecked Sendable {  // RocksDB is thread-safe
    let pointer: OpaquePointer
    /// The cache and the options must outlive the database.
    private let options: RocksDBOptions

    init(_ pointer: OpaquePointer, _ options: RocksDBOptions) {
        unsafe self.pointer = unsafe pointer
        self.options = options
    }

    deinit { unsafe rocksdb_close(pointer) }
}

@safe private final class ColumnFamily: @unchecked Sendable {  // RocksDB is thread-safe
    let handle: OpaquePointer
    let database: Database

    init(_ handle: OpaquePointer, of database: Database) {
        unsafe self.handle = unsafe handle
        self.database = database
    }

    deinit { unsafe rocksdb_column_family_handle_destroy(handle) }
}
