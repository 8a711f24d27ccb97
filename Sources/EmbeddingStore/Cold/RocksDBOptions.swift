internal import CRocksDB

/// How RocksDB is set up for rows: point reads in batches, sorted bulk writes, and little memory of
/// its own.
@safe final class RocksDBOptions: @unchecked Sendable {
    // RocksDB's option objects are not changed after init.
    let options: OpaquePointer
    let reads: OpaquePointer
    let scans: OpaquePointer
    /// In no log, in RocksDB's log, and in its log on the device, when the call returns.
    let volatileWrites: OpaquePointer
    let keptWrites: OpaquePointer
    let syncedWrites: OpaquePointer
    let ingestion: OpaquePointer
    let environment: OpaquePointer
    private let blocks: OpaquePointer

    static let writeBufferBytes = 4 << 20
    static let writeBuffersBytes = 32 << 20
    /// `WARN_LEVEL` of RocksDB, which the C API has no name for.
    private static let warnings: Int32 = 2

    /// - Parameter compresses: whether files are compressed. Rows are noise to a compressor, but what
    ///   RocksDB writes around them is not; it costs time with every read.
    init(compresses: Bool = false) {
        unsafe blocks = unsafe rocksdb_block_based_options_create()
        // Rows that are used often are in the hot tier, and the system caches the files. The index and the
        // filter of a file are in memory while it is open, two bytes a row: a row on disk is asked for
        // rarely, and then those two must not have to be read as well.
        unsafe rocksdb_block_based_options_set_no_block_cache(blocks, 1)
        unsafe rocksdb_block_based_options_set_cache_index_and_filter_blocks(blocks, 0)
        // 10 bits a key: one read in a hundred of an absent key reaches a data block.
        unsafe rocksdb_block_based_options_set_filter_policy(
            blocks, rocksdb_filterpolicy_create_ribbon_hybrid(10, 1))
        unsafe rocksdb_block_based_options_set_data_block_index_type(
            blocks, Int32(rocksdb_block_based_table_data_block_index_type_binary_search_and_hash))
        unsafe rocksdb_block_based_options_set_format_version(blocks, 5)
        // Every read of one row copies and checks its whole block.
        unsafe rocksdb_block_based_options_set_block_size(blocks, 2048)

        unsafe options = unsafe rocksdb_options_create()
        unsafe rocksdb_options_set_create_if_missing(options, 1)
        unsafe rocksdb_options_set_create_missing_column_families(options, 1)
        unsafe rocksdb_options_set_block_based_table_factory(options, blocks)
        unsafe rocksdb_options_set_write_buffer_size(options, Self.writeBufferBytes)
        // Of all tables together.
        unsafe rocksdb_options_set_db_write_buffer_size(options, Self.writeBuffersBytes)
        // A log that one quiet table holds on to would grow without end.
        unsafe rocksdb_options_set_max_total_wal_size(options, UInt64(2 * Self.writeBuffersBytes))
        // Its own filter: rows are on disk more often than among the latest writes.
        unsafe rocksdb_options_set_memtable_whole_key_filtering(options, 1)
        unsafe rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, 0.02)
        unsafe rocksdb_options_set_max_background_jobs(options, 2)
        unsafe rocksdb_options_set_max_open_files(options, 512)
        unsafe rocksdb_options_set_compression(
            options, Int32(compresses ? rocksdb_lz4_compression : rocksdb_no_compression))
        unsafe rocksdb_options_set_keep_log_file_num(options, 4)
        // One that begins anew at some size repeats in each file what it said of every table ever made,
        // and keeps that in memory. Of warnings alone it does not grow long.
        unsafe rocksdb_options_set_info_log_level(options, Self.warnings)
        unsafe rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1)

        unsafe reads = unsafe rocksdb_readoptions_create()
        unsafe scans = unsafe rocksdb_readoptions_create()
        unsafe volatileWrites = unsafe rocksdb_writeoptions_create()
        unsafe rocksdb_writeoptions_disable_WAL(volatileWrites, 1)
        unsafe keptWrites = unsafe rocksdb_writeoptions_create()
        unsafe syncedWrites = unsafe rocksdb_writeoptions_create()
        unsafe rocksdb_writeoptions_set_sync(syncedWrites, 1)
        unsafe ingestion = unsafe rocksdb_ingestexternalfileoptions_create()
        unsafe rocksdb_ingestexternalfileoptions_set_move_files(ingestion, 1)
        unsafe environment = unsafe rocksdb_envoptions_create()
    }

    deinit {
        unsafe rocksdb_envoptions_destroy(environment)
        unsafe rocksdb_ingestexternalfileoptions_destroy(ingestion)
        unsafe rocksdb_writeoptions_destroy(syncedWrites)
        unsafe rocksdb_writeoptions_destroy(keptWrites)
        unsafe rocksdb_writeoptions_destroy(volatileWrites)
        unsafe rocksdb_readoptions_destroy(scans)
        unsafe rocksdb_readoptions_destroy(reads)
        unsafe rocksdb_options_destroy(options)
        unsafe rocksdb_block_based_options_destroy(blocks)
    }
}
