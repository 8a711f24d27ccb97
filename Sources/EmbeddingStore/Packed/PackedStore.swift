internal import Foundation

/// A packed file, mapped: tables for inference, which nobody can write to.
///
/// Made by ``PackedWriter``; <doc:ThePackedFile> says what each byte of it means.
public final class PackedStore: ReadableStore {
    public let path: String
    public let byteCount: Int
    public let tables: [PackedTable]
    private let file: MappedFile

    /// Maps a file and reads its description.
    ///
    /// - Parameters:
    ///   - verifies: whether all of the file is read and compared with its checksums, which also
    ///     brings it into the page cache. Without that a damaged row may be served, but nothing
    ///     outside of the file is ever read.
    ///   - progress: told how many bytes have been compared.
    ///
    /// Throws `storageFailed` for a file that cannot be read, `damaged` for one that is not as it was
    /// written, `unsupported` for another version of the format or a scheme that is not known.
    public init(
        path: String, verifies: Bool = true,
        progress: (_ bytesDone: Int, _ bytesTotal: Int) -> Void = { _, _ in }
    ) throws(StoreError) {
        let file = try MappedFile(path: path)
        let head = try PackedHead(file)
        let end = head.descriptionOffset + head.descriptionLength
        let json = unsafe Data(file.bytes[head.descriptionOffset..<end])
        let description: PackedDescription
        do {
            description = try JSONDecoder().decode(PackedDescription.self, from: json)
        } catch {
            throw .damaged("\(path): the description is not one of tables")
        }
        var tables: [PackedTable] = []
        for (at, table) in description.tables.enumerated() {
            tables.append(try PackedTable(table, number: UInt32(at + 1), of: file))
        }
        guard Set(tables.map(\.name)).count == tables.count else {
            throw .damaged("\(path): two tables have one name")
        }
        self.path = path
        byteCount = head.fileLength
        self.file = file
        self.tables = tables.sorted { $0.name < $1.name }
        if verifies { try verify(description, progress) }
    }

    private static let verifiedBytes = 16 << 20

    private func verify(
        _ description: PackedDescription, _ progress: (Int, Int) -> Void
    ) throws(StoreError) {
        let sections = description.tables.flatMap { table in
            [table.frequent, table.rest].flatMap { part in
                [part.buckets, part.keys, part.data, part.blocks].compactMap { section in
                    section.map { (table.name, $0) }
                }
            }
        }
        let total = sections.reduce(0) { $0 + $1.1.length }
        var done = 0
        for (table, section) in sections {
            var checksum: UInt32 = 0
            var at = section.offset
            while at < section.range.upperBound {
                let end = min(at + Self.verifiedBytes, section.range.upperBound)
                checksum = file.checksum(at..<end, from: checksum)
                done += end - at
                at = end
                progress(done, total)
            }
            guard checksum == section.crc32 else {
                throw .damaged(
                    "\(path), table '\(table)': bytes \(section.offset)…\(section.range.upperBound) "
                        + "have the wrong checksum")
            }
        }
    }

    /// The table with this name; throws `unknownTable`.
    public func table(named name: String) throws(StoreError) -> PackedTable {
        guard let table = tables.first(where: { $0.name == name }) else {
            throw .unknownTable(name)
        }
        return table
    }

    // MARK: ReadableStore

    public var isReadOnly: Bool { true }
    public var readableTables: [any ReadableTable] { tables }

    public func readableTable(named name: String) throws(StoreError) -> any ReadableTable {
        try table(named: name)
    }

    public func readableTable(number: UInt32) -> (any ReadableTable)? {
        tables.first { $0.number == number }
    }

    /// The memory is that of the mapped file.
    public func statistics() -> StoreStatistics {
        let figures = tables.map { $0.statistics() }
        return StoreStatistics(
            memoryLimitBytes: byteCount, hotBytes: figures.reduce(0) { $0 + $1.hot.bytes },
            tables: figures)
    }
}
