import Synchronization

/// The rows of a packed table, by key.
final class PackedRows: Sendable {
    let dimension: Int
    private let frequent: PackedPart
    private let rest: PackedPart
    /// Of the file: what lies there as it is, with the whole index, and blocks.
    private let directBytes: Int
    private let blockBytes: Int
    /// What is served in place of a row that is not there.
    private let ownDefault: [Float]
    private let sharedDefault: [Float]
    private let firstShared: UInt64
    private let hits = Atomic(0)
    private let misses = Atomic(0)

    init(_ table: PackedDescription.Table, of file: MappedFile) throws(StoreError) {
        guard let layout = table.layout, Float(table.ownDefault).isFinite,
            Float(table.sharedDefault).isFinite, table.rest.blocks != nil,
            table.frequent.blocks == nil
        else {
            throw .damaged("\(file.path), table '\(table.name)': rows of an unknown form")
        }
        dimension = table.dimension
        frequent = try PackedPart(table.frequent, layout, of: file, table: table.name)
        rest = try PackedPart(table.rest, layout, of: file, table: table.name)
        blockBytes = table.rest.data.length
        directBytes =
            table.frequent.indexBytes + table.frequent.data.length + table.rest.indexBytes
        ownDefault = [Float](repeating: Float(table.ownDefault), count: dimension)
        sharedDefault = [Float](repeating: Float(table.sharedDefault), count: dimension)
        firstShared = table.firstShared
    }

    var count: Int { frequent.rowCount + rest.rowCount }

    /// The rows that lie in the file as they are count as hot, with the whole index; those in blocks
    /// as cold.
    func statistics(name: String, number: UInt32) -> TableStatistics {
        TableStatistics(
            name: name, number: number, rows: count,
            hot: .init(rows: frequent.rowCount, bytes: directBytes),
            cold: .init(rows: rest.rowCount, bytes: blockBytes),
            hits: hits.load(ordering: .relaxed), misses: misses.load(ordering: .relaxed),
            created: 0, promotions: 0, demotions: 0, admission: nil, evictions: 0,
            rounding: RoundingStatistics())
    }

    /// Keys whose places are looked up together, so that their cache misses overlap.
    private static let group = 32

    /// Writes the rows that lie in the file as they are, and what is served for keys without a row;
    /// returns the positions of those in compressed blocks. Throws `damaged`.
    func pullDirect(
        _ keys: Keys, into output: RowOutput, found: FoundBits?
    ) throws(StoreError) -> [UInt32] {
        var missing: [UInt32] = []
        var foundFrequent = 0
        var scratch = ownDefault
        var hashes = [UInt64](repeating: 0, count: Self.group)
        var candidates = [Range<Int>](repeating: 0..<0, count: Self.group)
        var positions = [Int?](repeating: nil, count: Self.group)
        let count = unsafe keys.count
        for start in stride(from: 0, to: count, by: Self.group) {
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
                    _ = try unsafe read(&scratch, output, request) { (row) throws(StoreError) in
                        try unsafe frequent.read(position, into: row)
                    }
                } else if let position = rest.position(hashes[at], rest.candidates(hashes[at])) {
                    let isHere = try unsafe read(&scratch, output, request) {
                        (row) throws(StoreError) in try unsafe rest.read(position, into: row)
                    }
                    guard isHere else {
                        missing.append(UInt32(truncatingIfNeeded: request))
                        continue
                    }
                } else {
                    let row = unsafe keys[request] >= firstShared ? sharedDefault : ownDefault
                    unsafe row.withUnsafeBufferPointer {
                        unsafe output.write($0.baseAddress!, at: request)  // at least 1 element
                    }
                    continue
                }
                unsafe found?.set(request)
            }
        }
        hits.add(foundFrequent, ordering: .relaxed)
        misses.add(count - foundFrequent, ordering: .relaxed)
        return missing
    }

    /// Writes the rows at the positions that `pullDirect` returned; each block is decoded once.
    /// Throws `damaged`.
    func pullBlocks(
        _ keys: Keys, missing: [UInt32], into output: RowOutput, found: FoundBits?
    ) throws(StoreError) {
        var wanted: [(position: Int, request: Int)] = []
        wanted.reserveCapacity(missing.count)
        for request in missing {
            let hash = unsafe PackedHash.of(keys[Int(request)])
            // It was found there.
            guard let position = rest.position(hash, rest.candidates(hash)) else { continue }
            wanted.append((position, Int(request)))
        }
        wanted.sort { $0.position < $1.position }
        var decoded: Int?
        var block = [UInt8](repeating: 0, count: rest.blockBytes)
        var scratch = ownDefault
        for (position, request) in wanted {
            let number = rest.blockNumber(of: position)
            if number != decoded {
                try unsafe block.withMutableBytes { (block) throws(StoreError) in
                    try unsafe rest.decode(block: number, into: block)
                }
                decoded = number
            }
            _ = try unsafe block.withBytes { (block) throws(StoreError) in
                try unsafe read(&scratch, output, request) { (row) throws(StoreError) in
                    unsafe rest.read(position, of: block, into: row)
                    return true
                }
            }
            unsafe found?.set(request)
        }
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
}
