import CKernels
internal import Foundation
internal import NIOConcurrencyHelpers

/// Which rows were in memory, and how often they were used: a file beside a store, from which the
/// hot tier is filled again after a start, so that the hit ratio is soon what it was.
///
/// It is a hint: a part that is damaged is left out, and the rows come when they are asked for.
///
/// ```
/// file      "THERMHOT" | section | section | …
/// section   table 4 | checksum 4 | count 8 | keys 8·count | frequencies 2·count
/// ```
/// Little-endian. The checksum is of the count and what follows it.
struct HotList {
    /// By table: keys with their frequencies.
    private(set) var tables: [UInt32: [(key: UInt64, frequency: UInt16)]] = [:]

    private static let magic = Array("THERMHOT".utf8)
    private static let headerBytes = 16
    private static let rowBytes = 10

    static func path(inFolder folder: String) -> String { folder + "/HOT" }

    // MARK: writing

    /// Writes the list of what is in memory now, replacing the file as a whole.
    static func write(_ tables: [RowStore], inFolder folder: String) throws(StoreError) {
        try FileReplacement.write(path(inFolder: folder), synced: false) {
            (file) throws(StoreError) in
            try file.append(magic)
            for table in tables {
                for shard in table.shards {
                    var start = 0
                    while let bytes = section(of: shard, in: table, from: &start) {
                        try file.append(bytes)
                    }
                }
            }
        }
    }

    /// Rows that are copied under one lock. One that moves meanwhile may be left out, or come twice.
    private static let sectionRows = 4096

    /// A section of the next rows, nil when there are no more.
    private static func section(
        of shard: Shard, in table: RowStore, from start: inout Int
    ) -> [UInt8]? {
        let epoch = table.budget.epoch
        let first = start
        start += sectionRows
        return shard.lock.withLock {
            let count = min(sectionRows, shard.count - first)
            guard count > 0 else { return nil }
            var bytes = [UInt8](repeating: 0, count: headerBytes + rowBytes * count)
            unsafe bytes.withUnsafeMutableBytes { bytes in
                unsafe bytes.storeBytes(of: table.table, as: UInt32.self)
                unsafe bytes.storeBytes(of: UInt64(count), toByteOffset: 8, as: UInt64.self)
                for position in 0..<count {
                    let meta = unsafe shard.meta(shard.record(first + position)).pointee
                    unsafe bytes.storeBytes(
                        of: shard.key(at: first + position),
                        toByteOffset: headerBytes + 8 * position,
                        as: UInt64.self)
                    unsafe bytes.storeBytes(
                        of: meta.frequency(at: epoch),
                        toByteOffset: headerBytes + 8 * count + 2 * position, as: UInt16.self)
                }
                // Not empty.
                let checksum = unsafe tc_checksum(bytes.baseAddress! + 8, bytes.count - 8)
                unsafe bytes.storeBytes(of: checksum, toByteOffset: 4, as: UInt32.self)
            }
            return bytes
        }
    }

    // MARK: reading

    /// What the file says, as far as it is sound; nothing when there is no file.
    init(inFolder folder: String) {
        let path = Self.path(inFolder: folder)
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)),
            data.starts(with: Self.magic)
        else { return }
        unsafe data.withUnsafeBytes { bytes in
            var at = Self.magic.count
            while let next = unsafe readSection(bytes, at: at) { at = next }
        }
    }

    /// How many rows of each table the file lists, as far as it can be read; the rows themselves may be
    /// too many to be had at once.
    static func rowCounts(inFolder folder: String) -> [UInt32: Int] {
        let url = URL(fileURLWithPath: path(inFolder: folder))
        guard let data = try? Data(contentsOf: url, options: .alwaysMapped),
            data.starts(with: magic)
        else { return [:] }
        var counts: [UInt32: Int] = [:]
        unsafe data.withUnsafeBytes { bytes in
            var at = magic.count
            while let (table, count) = unsafe sectionHeader(bytes, at: at) {
                counts[table, default: 0] += count
                at += headerBytes + rowBytes * count
            }
        }
        return counts
    }

    /// Table and rows of the section at `start`; nil when there is none that fits.
    private static func sectionHeader(
        _ bytes: UnsafeRawBufferPointer, at start: Int
    ) -> (table: UInt32, count: Int)? {
        guard bytes.count - start >= headerBytes else { return nil }
        let count = unsafe bytes.loadUnaligned(fromByteOffset: start + 8, as: UInt64.self)
        guard let count = Int(exactly: count),
            count <= (bytes.count - start - headerBytes) / rowBytes
        else { return nil }
        return (unsafe bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self), count)
    }

    /// Returns where the next section begins; nil when this one is not sound, or the last.
    private mutating func readSection(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Int? {
        guard let (table, count) = unsafe Self.sectionHeader(bytes, at: start) else { return nil }
        let rows = start + Self.headerBytes
        let end = rows + Self.rowBytes * count
        let checksum = unsafe bytes.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self)
        guard unsafe tc_checksum(bytes.baseAddress! + start + 8, end - start - 8) == checksum
        else { return nil }
        for at in 0..<count {
            unsafe tables[table, default: []].append(
                (
                    bytes.loadUnaligned(fromByteOffset: rows + 8 * at, as: UInt64.self),
                    bytes.loadUnaligned(fromByteOffset: rows + 8 * count + 2 * at, as: UInt16.self)
                ))
        }
        return end
    }
}
