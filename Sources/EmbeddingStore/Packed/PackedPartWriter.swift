/// Writes a part of a packed table from rows in ascending order of hash.
struct PackedPartWriter {
    private let rowCount: Int
    private let layout: PackedRowLayout
    private let bucketBits: Int
    private let keyBytes: Int
    /// The bucket whose beginning was written last.
    private var bucket = -1
    private var written = 0

    private var buckets: PackedSectionWriter
    private var keys: PackedSectionWriter
    /// Of the rest only.
    private var blocks: PackedSectionWriter?
    private var data: PackedSectionWriter
    private var block: [UInt8] = []

    /// Blocks that LZ4 made shorter, and all.
    private(set) var blocksCompressed = 0
    private(set) var blockCount = 0

    /// - Parameters:
    ///   - rowCount: how many rows will be appended.
    ///   - hasBlocks: whether rows go into blocks; else one lies after the other.
    init(
        _ output: PackedOutput, at offset: Int, rowCount: Int, layout: PackedRowLayout,
        hasBlocks: Bool
    ) {
        self.rowCount = rowCount
        self.layout = layout
        bucketBits = PackedPart.bucketBits(rows: rowCount)
        keyBytes = PackedPart.keyBytes(bucketBits: bucketBits)
        buckets = PackedSectionWriter(output, at: offset)
        keys = PackedSectionWriter(output, at: buckets.offset + 4 * (1 << bucketBits + 1))
        var next = keys.offset + rowCount * keyBytes
        if hasBlocks {
            let count = (rowCount + layout.blockRows - 1) / layout.blockRows
            let blocks = PackedSectionWriter(output, at: next)
            next = blocks.offset + count * PackedPart.blockEntryBytes
            self.blocks = blocks
        }
        data = PackedSectionWriter(output, at: next)
    }

    /// Where the part ends, of rows in blocks only after the last of them.
    var end: Int {
        data.offset + (blocks == nil ? rowCount * layout.byteCount : data.length)
    }

    /// Adds a row as it is laid out.
    mutating func append(_ hash: UInt64, _ row: ArraySlice<UInt8>) throws(StoreError) {
        // Smart shifts: by 64 bits nothing is left.
        try beginBuckets(upTo: Int(hash >> UInt64(64 - bucketBits)))
        for byte in 0..<keyBytes {
            try keys.append(UInt8(truncatingIfNeeded: hash >> UInt64(8 * byte)))
        }
        written += 1
        guard blocks != nil else { return try data.append(row) }
        block.append(contentsOf: row)
        if block.count == layout.blockRows * layout.byteCount { try finishBlock() }
    }

    private mutating func beginBuckets(upTo last: Int) throws(StoreError) {
        while bucket < last {
            bucket += 1
            try buckets.append(UInt32(written))
        }
    }

    private mutating func finishBlock() throws(StoreError) {
        if block.isEmpty { return }
        let compressed = LZ4Block.compressed(block)
        let stored = compressed ?? block
        blockCount += 1
        if compressed != nil { blocksCompressed += 1 }
        try blocks?.append(UInt64(data.length))
        try blocks?.append(UInt32(stored.count))
        try blocks?.append(CRC32.of(stored))
        try data.append(stored)
        // The next block begins where its rows are aligned.
        try data.append(repeatElement(0, count: -data.length & 7))
        block.removeAll(keepingCapacity: true)
    }

    /// Writes what is left.
    mutating func finish() throws(StoreError) -> PackedDescription.Part {
        precondition(written == rowCount, "as many rows as were promised")
        try beginBuckets(upTo: 1 << bucketBits)
        try finishBlock()
        return PackedDescription.Part(
            rows: rowCount, bucketBits: bucketBits, keyBytes: keyBytes,
            buckets: try buckets.finish(), keys: try keys.finish(), data: try data.finish(),
            blockRows: blocks == nil ? nil : layout.blockRows, blocks: try blocks?.finish())
    }
}
