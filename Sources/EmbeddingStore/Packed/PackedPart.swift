import CKernels

/// A part of a packed table: an index from hash to position, and rows by position.
///
/// Everything that is read from the file is checked against its length when it is used: a file that
/// lies gives wrong rows or errors, never other memory.
struct PackedPart: Sendable {
    let rowCount: Int
    /// Whether rows lie in blocks.
    var hasBlocks: Bool { blockRows > 0 }

    private let file: MappedFile
    private let layout: PackedRowLayout
    private let bucketShift: UInt64
    private let buckets: Int
    private let keys: Int
    private let keyBytes: Int
    private let keyMask: UInt64
    private let data: Range<Int>
    /// 0 where rows lie one after the other.
    private let blockRows: Int
    private let blocks: Int

    static let blockEntryBytes = 16
    static let bucketBitsMax = 32
    static let rowsMax = Int(UInt32.max) - 1
    private static let blockBytesMax = 1 << 24

    /// The index of `rows` rows: buckets of 8 to 16, so that a bucket's keys are a cache line or two.
    static func bucketBits(rows: Int) -> Int {
        rows < 16 ? 0 : min(bucketBitsMax, Int.bitWidth - 1 - (rows / 8).leadingZeroBitCount)
    }

    /// Bytes of a hash that its bucket does not say.
    static func keyBytes(bucketBits: Int) -> Int { (64 - bucketBits + 7) / 8 }

    /// Throws `damaged` for a part that does not fit into the file.
    init(
        _ part: PackedDescription.Part, _ layout: PackedRowLayout, of file: MappedFile,
        table: String
    ) throws(StoreError) {
        func check(_ isSo: Bool, _ what: String) throws(StoreError) {
            guard isSo else { throw .damaged("\(file.path), table '\(table)': \(what)") }
        }
        func check(
            _ section: PackedDescription.Section, _ count: Int, _ bytes: Int, _ name: String
        ) throws(StoreError) {
            let (length, overflow) = count.multipliedReportingOverflow(by: bytes)
            // A key is loaded with 8 bytes.
            let end = unsafe file.bytes.count - 8
            try check(
                !overflow && length >= 0 && section.length == length && section.offset >= 0
                    && section.offset % PackedDescription.Section.alignment == 0
                    && length <= end && section.offset <= end - length,
                "the section of \(name) is not where it can be")
        }
        try check((0...Self.rowsMax).contains(part.rows), "\(part.rows) rows")
        try check((0...Self.bucketBitsMax).contains(part.bucketBits), "\(part.bucketBits) bits")
        try check(
            part.keyBytes == Self.keyBytes(bucketBits: part.bucketBits),
            "\(part.keyBytes) bytes a key")
        try check(part.buckets, 1 << part.bucketBits + 1, 4, "buckets")
        try check(part.keys, part.rows, part.keyBytes, "keys")
        try check((part.blockRows == nil) == (part.blocks == nil), "rows half in blocks")
        if let blockRows = part.blockRows, let blocks = part.blocks {
            let most = Self.blockBytesMax / layout.byteCount
            try check(
                (1...most).contains(blockRows), "blocks of \(blockRows) rows")
            let count = (part.rows + blockRows - 1) / blockRows
            try check(blocks, count, Self.blockEntryBytes, "blocks")
            try check(part.data, part.data.length, 1, "rows")
            self.blockRows = blockRows
            self.blocks = blocks.offset
        } else {
            try check(part.data, part.rows, layout.byteCount, "rows")
            blockRows = 0
            blocks = 0
        }
        rowCount = part.rows
        self.file = file
        self.layout = layout
        bucketShift = UInt64(64 - part.bucketBits)
        buckets = part.buckets.offset
        keys = part.keys.offset
        keyBytes = part.keyBytes
        keyMask = part.keyBytes == 8 ? .max : 1 << UInt64(8 * part.keyBytes) - 1
        data = part.data.range
    }

    @inline(__always)
    private func load<Number: FixedWidthInteger>(_ offset: Int, _: Number.Type) -> Number {
        unsafe Number(
            littleEndian: file.bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
    }

    @inline(__always)
    private func prefetch(_ offset: Int) {
        unsafe tc_prefetch(file.bytes.baseAddress! + offset)  // not empty: it has a head
    }

    // MARK: the index, in three steps that each touch one place of memory

    @inline(__always)
    private func bucket(_ hash: UInt64) -> Int { buckets + 4 * Int(hash >> bucketShift) }

    @inline(__always)
    func prefetchBucket(_ hash: UInt64) { prefetch(bucket(hash)) }

    /// The positions among which the hash is, if it is here.
    @inline(__always)
    func candidates(_ hash: UInt64) -> Range<Int> {
        let bucket = bucket(hash)
        let end = min(Int(load(bucket + 4, UInt32.self)), rowCount)
        let start = min(Int(load(bucket, UInt32.self)), end)
        return start..<end
    }

    @inline(__always)
    func prefetchKeys(_ candidates: Range<Int>) {
        prefetch(keys + candidates.lowerBound * keyBytes)
    }

    /// The position of the hash, which is sorted in among the candidates.
    @inline(__always)
    func position(_ hash: UInt64, _ candidates: Range<Int>) -> Int? {
        let wanted = hash & keyMask
        var low = candidates.lowerBound
        var high = candidates.upperBound
        while low < high {
            let middle = (low + high) >> 1
            let key = load(keys + middle * keyBytes, UInt64.self) & keyMask
            if key == wanted { return middle }
            if key < wanted { low = middle + 1 } else { high = middle }
        }
        return nil
    }

    // MARK: rows

    @inline(__always)
    func prefetchRow(_ position: Int) {
        if !hasBlocks { prefetch(data.lowerBound + position * layout.byteCount) }
    }

    /// Reads a row that lies in the file as it is; false for one that is in a compressed block.
    func read(_ position: Int, into output: UnsafeMutablePointer<Float>) throws(StoreError) -> Bool
    {
        var offset = data.lowerBound + position * layout.byteCount
        if hasBlocks {
            let block = try block(position / blockRows)
            guard block.isRaw else { return false }
            offset = block.range.lowerBound + position % blockRows * layout.byteCount
        }
        unsafe layout.decode(file.bytes.baseAddress! + offset, into: output)
        return true
    }

    /// The block that a row is in.
    func blockNumber(of position: Int) -> Int { position / blockRows }

    /// Bytes of the largest block when it is decoded.
    var blockBytes: Int { blockRows * layout.byteCount }

    /// Decodes a block into `output`, which has room for `blockBytes`.
    func decode(block number: Int, into output: UnsafeMutableRawBufferPointer) throws(StoreError) {
        let block = try block(number)
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: file.bytes[block.range])
        let target = unsafe UnsafeMutableRawBufferPointer(rebasing: output[..<block.byteCount])
        if block.isRaw {
            unsafe target.copyMemory(from: bytes)
        } else if unsafe CRC32.of(bytes) != block.checksum
            || !LZ4Block.decompress(bytes, into: target)
        {
            throw .damaged("\(file.path): the block at byte \(block.range.lowerBound)")
        }
    }

    /// Reads a row from the decoded block that it is in.
    func read(
        _ position: Int, of block: UnsafeRawBufferPointer, into output: UnsafeMutablePointer<Float>
    ) {
        unsafe layout.decode(
            block.baseAddress! + position % blockRows * layout.byteCount, into: output)
    }

    private struct Block {
        let range: Range<Int>
        let checksum: UInt32
        /// Decoded.
        let byteCount: Int

        /// Whether it was stored as it is, being no shorter otherwise.
        var isRaw: Bool { range.count == byteCount }
    }

    private func block(_ number: Int) throws(StoreError) -> Block {
        let entry = blocks + number * Self.blockEntryBytes
        let offset = load(entry, UInt64.self)
        let length = Int(load(entry + 8, UInt32.self))
        let byteCount = min(blockRows, rowCount - number * blockRows) * layout.byteCount
        // Rows are loaded at addresses that their elements may have.
        guard length <= byteCount, length <= data.count, offset % 8 == 0,
            offset <= UInt64(data.count - length)
        else {
            throw .damaged("\(file.path): the entry of block \(number), at byte \(entry)")
        }
        let start = data.lowerBound + Int(offset)
        return Block(
            range: start..<start + length, checksum: load(entry + 12, UInt32.self),
            byteCount: byteCount)
    }
}
