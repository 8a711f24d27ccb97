import CKernels
internal import Foundation

/// How often ids have been seen, of all tables that admit by it: a file beside a store.
///
/// It is a hint, but for who has a row: that the rows say. A part that is damaged is left out, and
/// its counts begin anew.
///
/// ```
/// file      "THERMCN2" | stop 8 | section | section | …
/// section   table 4 | checksum 4 | count 8 | bytes, a piece of what `Admission.save` gives
/// ```
/// The sections of a table follow each other. Little-endian. `stop` is the segment of the log at
/// which the store was stopped cleanly right after, or 0. The checksum is of the count and what
/// follows it.
struct AdmissionFile {
    private(set) var stop: UInt64 = 0
    private(set) var tables: [UInt32: [UInt8]] = [:]

    private static let magic = Array("THERMCN2".utf8)
    private static let headerBytes = 16

    private static func path(inFolder folder: String) -> String { folder + "/COUNTS" }

    /// Writes what the tables count, replacing the file as a whole; no file for no such table.
    static func write(
        _ tables: [Table], stop: UInt64 = 0, inFolder folder: String
    ) throws(StoreError) {
        let path = path(inFolder: folder)
        let admitting = tables.compactMap { table in
            table.admitted.map { (table.number, $0.admission) }
        }
        if admitting.isEmpty {
            try? FileManager.default.removeItem(atPath: path)
            return
        }
        try FileReplacement.write(path, synced: true) { (file) throws(StoreError) in
            var header = magic
            header.append(littleEndian: stop)
            try file.append(header)
            for (number, admission) in admitting {
                try admission.save { (bytes) throws(StoreError) in
                    try file.append(section(number, bytes))
                }
            }
        }
    }

    private static func section(_ table: UInt32, _ bytes: [UInt8]) -> [UInt8] {
        var counted: [UInt8] = []
        counted.reserveCapacity(8 + bytes.count)
        counted.append(littleEndian: UInt64(bytes.count))
        counted += bytes
        var section: [UInt8] = []
        section.reserveCapacity(headerBytes + bytes.count)
        section.append(littleEndian: table)
        // Not empty.
        section.append(
            littleEndian: unsafe counted.withBytes {
                unsafe tc_checksum($0.baseAddress!, $0.count)
            })
        return section + counted
    }

    /// What the file says, as far as it is sound; nothing when there is no file.
    init(inFolder folder: String) {
        guard
            let data = try? Data(
                contentsOf: URL(fileURLWithPath: Self.path(inFolder: folder))),
            data.starts(with: Self.magic), data.count >= 16
        else { return }
        let bytes = Array(data)
        stop = bytes.littleEndian(at: 8)
        var at = 16
        while bytes.count - at >= Self.headerBytes {
            let table: UInt32 = bytes.littleEndian(at: at)
            let count: UInt64 = bytes.littleEndian(at: at + 8)
            guard count <= UInt64(bytes.count - at - Self.headerBytes) else {
                tables[table] = nil
                return
            }
            let end = at + Self.headerBytes + Int(count)
            let checksum = unsafe bytes.withBytes {
                // There are bytes.
                unsafe tc_checksum($0.baseAddress! + at + 8, end - at - 8)
            }
            guard checksum == bytes.littleEndian(at: at + 4) else {
                tables[table] = nil
                return
            }
            tables[table, default: []] += bytes[(at + Self.headerBytes)..<end]
            at = end
        }
    }
}
