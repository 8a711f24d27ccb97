import CRocksDB
import Foundation

/// RocksDB with default options, in one sorted file: what its users start from, at its best.
final class DefaultRocksDB {
    private let folder: String
    private let options: OpaquePointer
    private let database: OpaquePointer
    private let family: OpaquePointer
    private let reads: OpaquePointer

    /// Bytes of a cold row: header, scale, optimizer state and 16 numbers of int16.
    private static let valueBytes = 4 + 4 + 4 + 2 * rowFloats

    init(rows: Int) {
        let folder = NSTemporaryDirectory() + "thermocline-rocksdb-\(UUID().uuidString)"
        self.folder = folder
        let options: OpaquePointer = rocksdb_options_create()
        self.options = options
        rocksdb_options_set_create_if_missing(options, 1)
        reads = rocksdb_readoptions_create()
        var error: UnsafeMutablePointer<CChar>?
        var families: [OpaquePointer?] = [nil]
        // The C API has no other way to the default family.
        let opened = "default".withCString { name in
            rocksdb_open_column_families(
                options, folder, 1, [name], [options], &families, &error)
        }
        Self.check(error)
        database = opened!  // without an error there are a database and its family
        family = families[0]!
        load(rows: rows)
    }

    private static func check(_ error: UnsafeMutablePointer<CChar>?) {
        if let error { fatalError("RocksDB: " + String(cString: error)) }
    }

    private func load(rows: Int) {
        let keys = (0..<rows).map { id(ofRow: $0) }.sorted()
        var random = SplitMix64(state: 2)
        var error: UnsafeMutablePointer<CChar>?
        let environment = rocksdb_envoptions_create()
        let writer = rocksdb_sstfilewriter_create(environment, options)
        let file = folder + "/rows.sst"
        rocksdb_sstfilewriter_open(writer, file, &error)
        Self.check(error)
        // Rows are noise to a compressor.
        var value = [UInt8](repeating: 0, count: Self.valueBytes)
        for key in keys {
            for at in 0..<value.count { value[at] = UInt8(truncatingIfNeeded: random.next()) }
            withUnsafeBytes(of: key.bigEndian) { key in
                value.withUnsafeBytes { value in
                    rocksdb_sstfilewriter_put(
                        writer, key.baseAddress, 8, value.baseAddress, value.count, &error)
                }
            }
            Self.check(error)
        }
        rocksdb_sstfilewriter_finish(writer, &error)
        Self.check(error)
        rocksdb_sstfilewriter_destroy(writer)
        rocksdb_envoptions_destroy(environment)
        let ingestion = rocksdb_ingestexternalfileoptions_create()
        rocksdb_ingestexternalfileoptions_set_move_files(ingestion, 1)
        file.withCString { file in
            rocksdb_ingest_external_file_cf(database, family, [file], 1, ingestion, &error)
        }
        Self.check(error)
        rocksdb_ingestexternalfileoptions_destroy(ingestion)
    }

    /// Reads the values of `ids` with one MultiGet; all must be there.
    func read(_ ids: [UInt64]) -> Int {
        let keys = ids.map(\.bigEndian)
        var values = [OpaquePointer?](repeating: nil, count: ids.count)
        var errors = [UnsafeMutablePointer<CChar>?](repeating: nil, count: ids.count)
        keys.withUnsafeBytes { bytes in
            let base = bytes.baseAddress!.assumingMemoryBound(to: CChar.self)  // not empty
            let addresses = (0..<ids.count).map { Optional(base + $0 * 8) }
            rocksdb_batched_multi_get_cf(
                database, reads, family, ids.count, addresses,
                Array(repeating: 8, count: ids.count), &values, &errors, false)
        }
        var bytes = 0
        for value in values {
            var length = 0
            precondition(rocksdb_pinnableslice_value(value, &length) != nil, "a row is missing")
            bytes += length
            rocksdb_pinnableslice_destroy(value)
        }
        return bytes
    }

    func remove() throws {
        rocksdb_column_family_handle_destroy(family)
        rocksdb_close(database)
        rocksdb_readoptions_destroy(reads)
        rocksdb_options_destroy(options)
        try FileManager.default.removeItem(atPath: folder)
    }
}
