/// A table of a packed file. Nothing of it changes; everything may be called from any thread.
public final class PackedTable: ReadableTable {
    public let name: String
    public let number: UInt32
    public let schema: TableSchema

    private let rows: PackedRows
    /// Nil where each id has a row of its own.
    private let sharedKeys: SharedKeys?
    private let combination: Combination?

    init(
        _ table: PackedDescription.Table, number: UInt32, of file: MappedFile
    ) throws(StoreError) {
        do throws(StoreError) {
            try TableSchema.validate(name: table.name)
            try table.schema.validate()
        } catch {
            guard case .invalidSchema(let detail) = error else { throw error }
            throw .damaged("\(file.path): \(detail)")
        }
        guard table.dimension == table.schema.rowDimension else {
            throw .damaged("\(file.path), table '\(table.name)': rows of another dimension")
        }
        name = table.name
        self.number = number
        schema = table.schema
        rows = try PackedRows(table, of: file)
        sharedKeys = SharedKeys(schema)
        combination = Combination(schema)
    }

    public var count: Int { rows.count }

    public func statistics() -> TableStatistics { rows.statistics(name: name, number: number) }

    /// Of an id the file keeps only a hash.
    public func fieldStatistics() -> FieldStatistics? { nil }

    // MARK: pull

    public func pullHot(
        _ ids: UnsafeRawBufferPointer, create: Bool, into output: RowOutput, found: FoundBits?
    ) throws(StoreError) -> [UInt32] {
        if create { throw .readOnly }
        let ids = unsafe Keys(ids)
        guard let sharedKeys else {
            return try unsafe rows.pullDirect(ids, into: output, found: found)
        }
        var missing: [UInt32] = []
        let count = unsafe ids.count
        for start in stride(from: 0, to: count, by: Self.blockCount) {
            let end = min(start + Self.blockCount, count)
            let positions = (start..<end).map { UInt32(truncatingIfNeeded: $0) }
            missing += try unsafe pull(
                ids, positions[...], sharedKeys, blocks: false, into: output, found: found)
        }
        return missing
    }

    public func pullCold(
        _ ids: UnsafeRawBufferPointer, missing: [UInt32], create: Bool, into output: RowOutput,
        found: FoundBits?
    ) throws(StoreError) {
        let ids = unsafe Keys(ids)
        guard let sharedKeys else {
            return try unsafe rows.pullBlocks(ids, missing: missing, into: output, found: found)
        }
        for start in stride(from: 0, to: missing.count, by: Self.blockCount) {
            _ = try unsafe pull(
                ids, missing[start...].prefix(Self.blockCount), sharedKeys, blocks: true,
                into: output, found: found)
        }
    }

    /// Ids whose shared rows are gathered at once.
    private static let blockCount = 1024

    /// Writes what shared rows make of the ids at `positions`, and own rows where ids have them.
    ///
    /// - Parameter blocks: whether compressed blocks are decoded; if not, the positions that need
    ///   them are returned.
    private func pull(
        _ ids: Keys, _ positions: ArraySlice<UInt32>, _ sharedKeys: SharedKeys, blocks: Bool,
        into output: RowOutput, found: FoundBits?
    ) throws(StoreError) -> [UInt32] {
        // Of an id that may have one the own row comes first, then the shared ones.
        let own = schema.scheme.admits ? 1 : 0
        let width = own + sharedKeys.partCount
        var keys: [UInt64] = []
        keys.reserveCapacity(positions.count * width)
        for position in positions {
            let id = unsafe ids[Int(position)]
            if own == 1 { keys.append(id) }
            keys.append(sharedKeys.first(id))
            if sharedKeys.partCount == 2 { keys.append(sharedKeys.second(id)) }
        }
        let parts = PartRows(count: keys.count, dimension: rows.dimension)
        var bits = [UInt8](repeating: 0, count: (keys.count + 7) / 8)
        let absent = try unsafe keys.withBytes { (keys) throws(StoreError) in
            try unsafe bits.withMutableBytes { (bits) throws(StoreError) in
                let absent = try unsafe rows.pullDirect(
                    Keys(keys), into: parts.output, found: FoundBits(bits))
                guard blocks else { return absent }
                try unsafe rows.pullBlocks(
                    Keys(keys), missing: absent, into: parts.output, found: FoundBits(bits))
                return []
            }
        }
        func isFound(_ part: Int) -> Bool { bits[part / 8] >> UInt8(part % 8) & 1 == 1 }
        var isAbsent = [Bool](repeating: false, count: absent.isEmpty ? 0 : positions.count)
        for part in absent { isAbsent[Int(part) / width] = true }
        var missing: [UInt32] = []
        for (at, position) in positions.enumerated() {
            if !absent.isEmpty, isAbsent[at] {
                missing.append(position)
                continue
            }
            let first = at * width
            // A shared row is nobody's own, whatever the id.
            var exists =
                own == 1 && isFound(first) && keys[first] < sharedKeys.firstShared
            var row = unsafe parts.row(first)
            if !exists {
                unsafe row = unsafe parts.row(first + own)
                unsafe combination?.combine(row)
                exists = (own..<width).allSatisfy { isFound(first + $0) }
            }
            unsafe output.write(row, at: Int(position))
            if exists { unsafe found?.set(Int(position)) }
        }
        return missing
    }
}
