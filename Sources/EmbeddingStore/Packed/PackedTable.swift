import Synchronization

/// A table of a packed file. Nothing of it changes; everything may be called from any thread.
public final class PackedTable: ReadableTable {
    public let name: String
    public let number: UInt32
    public let schema: TableSchema

    private let layout: PackedRowLayout
    private let frequent: PackedPart
    private let rest: PackedPart
    private let directBytes: Int
    private let blockBytes: Int
    private let defaultRow: [Float]
    private let hits = Atomic(0)
    private let misses = Atomic(0)

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
        guard table.dimension == table.schema.dimension, let layout = table.layout,
            Float(table.defaultValue).isFinite
        else {
            throw .damaged("\(file.path), table '\(table.name)': rows of an unknown form")
        }
        name = table.name
        self.number = number
        schema = table.schema
        self.layout = layout
        frequent = try PackedPart(table.frequent, layout, of: file, table: table.name)
        rest = try PackedPart(table.rest, layout, of: file, table: table.name)
        guard !frequent.hasBlocks, rest.hasBlocks || rest.rowCount == 0 else {
            throw .damaged("\(file.path), table '\(table.name)': rows of an unknown form")
        }
        directBytes =
            table.frequent.byteCount + table.rest.buckets.length + table.rest.keys.length
        blockBytes = table.rest.byteCount - table.rest.buckets.length - table.rest.keys.length
        defaultRow = [Float](repeating: Float(table.defaultValue), count: table.dimension)
    }

    public var count: Int { frequent.rowCount + rest.rowCount }

    /// The rows that lie in the file as they are count as hot, with the whole index; those in blocks
    /// as cold.
    public func statistics() -> TableStatistics {
        TableStatistics(
            name: name, number: number, rows: count,
            hot: .init(rows: frequent.rowCount, bytes: directBytes),
            cold: .init(rows: rest.rowCount, bytes: blockBytes),
            hits: hits.load(ordering: .relaxed), misses: misses.load(ordering: .relaxed),
            created: 0, promotions: 0, demotions: 0)
    }

    // MARK: pull

    /// Ids whose places are looked up together, so that their cache misses overlap.
    private static let group = 32

    public func pullHot(
        _ ids: UnsafeRawBufferPointer, create: Bool, into output: RowOutput, found: FoundBits?
    ) throws(StoreError) -> [UInt32] {
        if create { throw .readOnly }
        return try unsafe schema.scheme.withKeys(of: Keys(ids)) { (keys) throws(StoreError) in
            try unsafe pullHot(keys, into: output, found: found)
        }
    }

    private func pullHot(
        _ keys: Keys, into output: RowOutput, found: FoundBits?
    ) throws(StoreError) -> [UInt32] {
        var missing: [UInt32] = []
        var foundFrequent = 0
        var row = defaultRow
        var hashes = [UInt64](repeating: 0, count: Self.group)
        var candidates = [Range<Int>](repeating: 0..<0, count: Self.group)
        var positions = [Int?](repeating: nil, count: Self.group)
        var start = 0
        let count = unsafe keys.count
        while start < count {
            let size = min(Self.group, count - start)
            for at in 0..<size {
                hashes[at] = unsafe PackedHash.of(keys[start + at])
                frequent.prefetchBucket(hashes[at])
            }
            for at in 0..<size {
                candidates[at] = frequent.candidates(hashes[at])
                frequent.prefetchKeys(candidates[at])
            }
            for at in 0..<size {
                positions[at] = frequent.position(hashes[at], candidates[at])
                if let position = positions[at] {
                    frequent.prefetchRow(position)
                } else {
                    rest.prefetchBucket(hashes[at])
                }
            }
            for at in 0..<size {
                let request = start + at
                if let position = positions[at] {
                    foundFrequent += 1
                    _ = try unsafe read(&row, output, request) { (row) throws(StoreError) in
                        try unsafe frequent.read(position, into: row)
                    }
                } else if let position = rest.position(hashes[at], rest.candidates(hashes[at])) {
                    let isHere = try unsafe read(&row, output, request) {
                        (row) throws(StoreError) in try unsafe rest.read(position, into: row)
                    }
                    guard isHere else {
                        missing.append(UInt32(request))
                        continue
                    }
                } else {
                    unsafe defaultRow.withUnsafeBufferPointer {
                        unsafe output.write($0.baseAddress!, at: request)  // at least 1 element
                    }
                    continue
                }
                if let found = unsafe found { unsafe found.set(request) }
            }
            start += size
        }
        hits.add(foundFrequent, ordering: .relaxed)
        misses.add(count - foundFrequent, ordering: .relaxed)
        return missing
    }

    /// Lets `body` write a row, and puts it where it belongs in the output unless it returns false.
    @inline(__always)
    private func read(
        _ scratch: inout [Float], _ output: RowOutput, _ position: Int,
        _ body: (UnsafeMutablePointer<Float>) throws(StoreError) -> Bool
    ) throws(StoreError) -> Bool {
        if unsafe output.format == .float32 { return try unsafe body(output.float32(position)) }
        return try unsafe scratch.withUnsafeMutableBufferPointer { (row) throws(StoreError) in
            guard try unsafe body(row.baseAddress!) else { return false }  // at least 1 element
            unsafe output.write(row.baseAddress!, at: position)
            return true
        }
    }

    public func pullCold(
        _ ids: UnsafeRawBufferPointer, missing: [UInt32], create: Bool, into output: RowOutput,
        found: FoundBits?
    ) throws(StoreError) {
        try unsafe schema.scheme.withKeys(of: Keys(ids)) { (keys) throws(StoreError) in
            try unsafe pullCold(keys, missing: missing, into: output, found: found)
        }
    }

    /// Decodes each block that is needed once.
    private func pullCold(
        _ keys: Keys, missing: [UInt32], into output: RowOutput, found: FoundBits?
    ) throws(StoreError) {
        var wanted: [(position: Int, request: Int)] = []
        wanted.reserveCapacity(missing.count)
        for request in missing {
            let hash = unsafe PackedHash.of(keys[Int(request)])
            // It was found by `pullHot`.
            guard let position = rest.position(hash, rest.candidates(hash)) else { continue }
            wanted.append((position, Int(request)))
        }
        wanted.sort { $0.position < $1.position }
        var decoded: Int?
        var block = [UInt8](repeating: 0, count: rest.blockBytes)
        var row = defaultRow
        for (position, request) in wanted {
            let number = rest.blockNumber(of: position)
            if number != decoded {
                try unsafe block.withMutableBytes { (block) throws(StoreError) in
                    try unsafe rest.decode(block: number, into: block)
                }
                decoded = number
            }
            _ = try unsafe block.withBytes { (block) throws(StoreError) in
                try unsafe read(&row, output, request) { (row) throws(StoreError) in
                    unsafe rest.read(position, of: block, into: row)
                    return true
                }
            }
            if let found = unsafe found { unsafe found.set(request) }
        }
    }
}

extension PackedDescription.Part {
    /// Of all its sections.
    var byteCount: Int {
        buckets.length + keys.length + data.length + (blocks?.length ?? 0)
    }
}
