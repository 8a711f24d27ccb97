internal import Foundation

/// Writes tables to a packed file, which has its name only when it is whole.
///
/// Works through a table in bounded memory, and needs about as much room on disk beside the file as
/// its rows take in it. One thread at a time.
public final class PackedWriter {
    /// What became of a table.
    public struct Summary: Sendable, Codable {
        public var table: String
        public var rows: Int
        /// Rows that had outlived the table's time to live, and were left out.
        public var expiredRows: Int
        /// Rows that lie in the file as they are.
        public var frequentRows: Int
        public var blocks: Int
        /// Blocks that LZ4 made shorter.
        public var blocksCompressed: Int
        /// Of the table's files before, and of its part of the packed file.
        public var bytesBefore: Int
        public var bytesAfter: Int
        /// Of these the index.
        public var indexBytes: Int
        public var rowBytes: Int
    }

    private let output: PackedOutput
    private var end = PackedHead.byteCount
    private var tables: [PackedDescription.Table] = []

    /// Begins a file. Throws `cannotCreate` when it exists.
    public init(path: String) throws(StoreError) {
        output = try PackedOutput(path: path)
    }

    /// Adds a table; rows are rounded to the nearest. Those that have outlived the table's time to
    /// live are left out: whoever serves the file has no clock. Blocks.
    ///
    /// - Parameters:
    ///   - precision: one of `Precision.packable`.
    ///   - frequentShare: share of the rows, the most frequent, that lie in the file as they are; of
    ///     rows that are equally frequent all or none.
    ///   - now: what time it is, in seconds since 1970.
    ///   - progress: told how many of two steps for each row are done.
    ///
    /// Throws `unsupported` for another precision, `nonFinite`, `tooLarge`, `damaged`,
    /// `storageFailed` or `storageFull`.
    public func add(
        _ table: OfflineTable, precision: Precision = .int16, frequentShare: Double = 0.1,
        now: UInt32 = UnixClock.system.now(), progress: OfflineTable.Progress? = nil
    ) throws(StoreError) -> Summary {
        guard Precision.packable.contains(precision) else {
            throw .unsupported("a packed file has int16 or int8, not \(precision)")
        }
        guard table.rowCount <= PackedPart.rowsMax else {
            throw .tooLarge("a packed table has at most \(PackedPart.rowsMax) rows")
        }
        let layout = PackedRowLayout(precision: precision, dimension: table.rowDimension)
        let order = try HashOrder(
            rowCount: table.rowCount, rowBytes: layout.byteCount, beside: output.path)
        var frequencies = [Int](repeating: 0, count: 1 << 16)
        let lifetime = Lifetime(table.schema)
        var rowCount = 0
        var expiredCount = 0
        var bytes: [UInt8] = []
        try table.scanFinite(
            progress: { done, all in progress?(done, 2 * all) },
            { (row) throws(StoreError) in
                if let lifetime, lifetime.isOver(lastUse: row.lastUse, now: now) {
                    expiredCount += 1
                    return
                }
                bytes.removeAll(keepingCapacity: true)
                layout.append(row.values, to: &bytes)
                try order.append(
                    PackedHash.of(row.key), frequency: row.frequency, bytes)
                frequencies[Int(row.frequency)] += 1
                rowCount += 1
            })

        let (threshold, frequentCount) = Self.threshold(
            frequencies, rowsMax: Int((frequentShare * Double(rowCount)).rounded(.up)))
        let begin = end
        var frequent = PackedPartWriter(
            output, at: begin, rowCount: frequentCount, layout: layout, hasBlocks: false)
        var rest = PackedPartWriter(
            output, at: frequent.end, rowCount: rowCount - frequentCount, layout: layout,
            hasBlocks: true)
        var done = 0
        try order.forEach { (hash, frequency, row) throws(StoreError) in
            if Int(frequency) >= threshold {
                try frequent.append(hash, row)
            } else {
                try rest.append(hash, row)
            }
            done += 1
            if done % (1 << 14) == 0 { progress?(rowCount + done, 2 * rowCount) }
        }
        progress?(2 * rowCount, 2 * rowCount)
        let frequentPart = try frequent.finish()
        let restPart = try rest.finish()
        end = rest.end
        var schema = table.schema
        schema.hotPrecision = precision
        schema.coldPrecision = precision
        let start = RowStart(schema)
        tables.append(
            .init(
                name: table.name, dimension: table.rowDimension, precision: "\(precision)",
                ownDefault: Double(start.mean(of: 0)), sharedDefault: Double(start.mean(of: .max)),
                firstShared: start.firstShared, schema: schema,
                frequent: frequentPart, rest: restPart))
        return Summary(
            table: table.name, rows: rowCount, expiredRows: expiredCount,
            frequentRows: frequentCount,
            blocks: rest.blockCount, blocksCompressed: rest.blocksCompressed,
            bytesBefore: table.byteCount, bytesAfter: end - begin,
            indexBytes: frequentPart.indexBytes + restPart.indexBytes,
            rowBytes: frequentPart.data.length + restPart.data.length)
    }

    /// The least frequency such that no more than so many rows have it or more, and how many those
    /// are.
    private static func threshold(_ frequencies: [Int], rowsMax: Int) -> (Int, Int) {
        var count = 0
        for frequency in frequencies.indices.reversed() {
            guard count + frequencies[frequency] <= rowsMax else { return (frequency + 1, count) }
            count += frequencies[frequency]
        }
        return (0, count)
    }

    /// Writes the description and gives the file its name. Returns its bytes. No call may follow.
    ///
    /// Throws `cannotCreate` when there is a file of that name by now, or `storageFailed`.
    public func finish() throws(StoreError) -> Int {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        // Strings and finite numbers: there is nothing in it that JSON cannot say.
        var json = try! Array(encoder.encode(PackedDescription(tables: tables)))
        // The last keys are loaded with 8 bytes, which end in it at the latest.
        json.append(contentsOf: repeatElement(0x20, count: max(0, 8 - json.count)))
        let offset = end.roundedUp(toMultipleOf: PackedDescription.Section.alignment)
        try output.write(json, at: offset)
        let head = PackedHead(
            descriptionOffset: offset, descriptionLength: json.count,
            fileLength: offset + json.count, descriptionChecksum: CRC32.of(json))
        try output.write(head.bytes, at: 0)
        try output.finish()
        return head.fileLength
    }
}

extension PackedDescription.Part {
    /// What it takes to find a row.
    var indexBytes: Int { buckets.length + keys.length + (blocks?.length ?? 0) }
}
