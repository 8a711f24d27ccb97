import CKernels

/// Reads the blocks of one segment of the log from bytes that may be damaged in any way.
@safe struct LogReader {
    private let bytes: UnsafeRawBufferPointer
    private let byteCount: Int
    private let segment: UInt64
    /// Where the next block begins; everything before it is sound.
    private(set) var offset = LogFormat.segmentHeaderBytes

    /// A block whose checksums all agree.
    @safe struct Block {
        let number: UInt64
        let entries: [Entry]
        let byteCount: Int
    }

    @safe struct Entry {
        let table: UInt32
        let kind: LogFormat.Kind
        let pushes: Int
        let recordBytes: Int
        let sections: [Section]
    }

    @safe struct Section {
        let ticket: UInt64
        let count: Int
        let records: UnsafeRawPointer
    }

    /// What stands where the next block would begin.
    enum Next {
        case block(Block)
        /// Nothing more has been written to this segment.
        case end
        /// Something that is no block, and what is wrong with it.
        case invalid(String)
    }

    /// `bytes` are all of the segment's file, at an address that is a multiple of 8, and must
    /// outlive this and its blocks. Nil, with the reason, when they do not begin as that segment
    /// does.
    init(_ bytes: UnsafeRawBufferPointer, segment: UInt64) throws(Unreadable) {
        unsafe self.bytes = unsafe bytes
        byteCount = bytes.count
        self.segment = segment
        guard bytes.count >= LogFormat.segmentHeaderBytes else {
            throw Unreadable("it has \(bytes.count) bytes, which is less than its header")
        }
        let checksum = unsafe bytes.load(fromByteOffset: 24, as: UInt32.self)
        guard unsafe bytes.load(as: UInt64.self) == LogFormat.segmentMagic,
            unsafe tc_checksum(bytes.baseAddress!, 24) == checksum  // not empty
        else { throw Unreadable("it does not begin as a segment of the log") }
        let version = unsafe bytes.load(fromByteOffset: 8, as: UInt32.self)
        guard version == LogFormat.version else {
            throw Unreadable("it has version \(version); this program reads \(LogFormat.version)")
        }
        let number = unsafe bytes.load(fromByteOffset: 16, as: UInt64.self)
        guard number == segment else { throw Unreadable("it is segment \(number)") }
    }

    struct Unreadable: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    /// The next block, which must have the number `expected`.
    mutating func next(expected: UInt64?) -> Next {
        let rest = byteCount - offset
        guard rest >= LogFormat.blockHeaderBytes else {
            return isZero(from: offset, count: rest)
                ? .end : .invalid("the file ends within a header")
        }
        if isZero(from: offset, count: LogFormat.blockHeaderBytes) { return .end }
        guard let header = header(at: offset) else { return .invalid("a damaged header") }
        if let expected, header.number != expected {
            return .invalid("block \(header.number) where block \(expected) should be")
        }
        guard header.bytes <= rest - LogFormat.blockHeaderBytes else {
            return .invalid("a block of \(header.bytes) bytes, of which there are only \(rest)")
        }
        let start = offset + LogFormat.blockHeaderBytes
        guard let entries = entries(header.entries, in: start..<start + header.bytes) else {
            return .invalid("a damaged entry")
        }
        offset = start + header.bytes
        return .block(
            Block(
                number: header.number, entries: entries,
                byteCount: LogFormat.blockHeaderBytes + header.bytes))
    }

    /// Whether a header of a block of this segment, with a number above `expected`, stands at the
    /// offset or somewhere behind it. Where any number may come next, whatever stands at the offset
    /// is the next.
    func hasLaterBlock(after expected: UInt64?) -> Bool {
        let number = expected ?? numberHere ?? 0
        var at = offset
        while at + LogFormat.blockHeaderBytes <= byteCount {
            if let header = header(at: at), header.number > number { return true }
            at += 8
        }
        return false
    }

    /// The number that a header at the offset says.
    var numberHere: UInt64? {
        guard byteCount - offset >= LogFormat.blockHeaderBytes else { return nil }
        return header(at: offset)?.number
    }

    /// Bytes from the offset on of what is no whole block: as many as its header says, if that is
    /// sound, else up to the last byte that is not zero.
    var brokenBytesFromHere: Int {
        let rest = byteCount - offset
        if rest >= LogFormat.blockHeaderBytes, let header = header(at: offset) {
            return min(rest, LogFormat.blockHeaderBytes + header.bytes)
        }
        var end = byteCount
        while end - 8 > offset, end % 8 == 0,
            unsafe bytes.load(fromByteOffset: end - 8, as: UInt64.self) == 0
        {
            end -= 8
        }
        while end > offset, unsafe bytes[end - 1] == 0 { end -= 1 }
        return end - offset
    }

    /// Whether anywhere in a file that should be this segment there is a block of it.
    static func containsBlock(_ bytes: UnsafeRawBufferPointer, segment: UInt64) -> Bool {
        unsafe LogReader(unchecked: bytes, segment: segment).hasLaterBlock(after: 0)
    }

    private init(unchecked bytes: UnsafeRawBufferPointer, segment: UInt64) {
        unsafe self.bytes = unsafe bytes
        byteCount = bytes.count
        self.segment = segment
        offset = 0
    }

    private func isZero(from start: Int, count: Int) -> Bool {
        for at in start..<start + count where unsafe bytes[at] != 0 { return false }
        return true
    }

    private struct Header {
        let number: UInt64
        let bytes: Int
        let entries: Int
    }

    private func header(at offset: Int) -> Header? {
        guard
            unsafe bytes.load(fromByteOffset: offset, as: UInt32.self) == LogFormat.blockMagic,
            unsafe bytes.load(fromByteOffset: offset + 28, as: UInt32.self)
                == UInt32(truncatingIfNeeded: segment),
            unsafe bytes.load(fromByteOffset: offset + 4, as: UInt32.self)
                // The header lies within the bytes.
                == tc_checksum(
                    bytes.baseAddress! + offset + 8, LogFormat.blockHeaderBytes - 8)
        else { return nil }
        let length = unsafe bytes.load(fromByteOffset: offset + 16, as: UInt64.self)
        guard let length = Int(exactly: length), length % 8 == 0 else { return nil }
        return unsafe Header(
            number: bytes.load(fromByteOffset: offset + 8, as: UInt64.self), bytes: length,
            entries: Int(bytes.load(fromByteOffset: offset + 24, as: UInt32.self)))
    }

    /// The entries of a block, in whose range they must lie exactly; nil if one is damaged.
    private func entries(_ count: Int, in range: Range<Int>) -> [Entry]? {
        var entries: [Entry] = []
        var at = range.lowerBound
        while at < range.upperBound {
            guard range.upperBound - at >= LogFormat.entryHeaderBytes,
                let length = unsafe Int(
                    exactly: bytes.load(fromByteOffset: at, as: UInt64.self)),
                length % 8 == 0, length >= LogFormat.entryHeaderBytes,
                length <= range.upperBound - at,
                let entry = entry(at..<at + length)
            else { return nil }
            entries.append(entry)
            at += length
        }
        return entries.count == count ? entries : nil
    }

    private func entry(_ range: Range<Int>) -> Entry? {
        let start = range.lowerBound
        let checksummed = start + LogFormat.entryChecksummedFrom
        guard
            unsafe bytes.load(fromByteOffset: start + 8, as: UInt32.self)
                // The entry lies within the bytes.
                == tc_checksum(bytes.baseAddress! + checksummed, range.upperBound - checksummed),
            let kind = unsafe LogFormat.Kind(rawValue: bytes[start + 24]),
            let pushes = unsafe Int(
                exactly: bytes.load(fromByteOffset: start + 16, as: UInt64.self))
        else { return nil }
        let recordBytes = unsafe Int(bytes.load(fromByteOffset: start + 28, as: UInt32.self))
        guard recordBytes >= 8, kind == .changed || recordBytes == 8 else { return nil }
        var sections: [Section] = []
        var at = start + LogFormat.entryHeaderBytes
        while at < range.upperBound {
            guard range.upperBound - at >= LogFormat.sectionHeaderBytes else { return nil }
            let count = unsafe Int(bytes.load(fromByteOffset: at + 8, as: UInt32.self))
            let records = at + LogFormat.sectionHeaderBytes
            let (length, overflow) = count.multipliedReportingOverflow(by: recordBytes)
            guard !overflow, length <= range.upperBound - records else { return nil }
            sections.append(
                unsafe Section(
                    ticket: bytes.load(fromByteOffset: at, as: UInt64.self), count: count,
                    // Within the bytes, so not nil.
                    records: bytes.baseAddress! + records))
            at = records + length.roundedUp(toMultipleOf: 8)
        }
        guard at == range.upperBound else { return nil }
        return unsafe Entry(
            table: bytes.load(fromByteOffset: start + 12, as: UInt32.self), kind: kind,
            pushes: pushes, recordBytes: recordBytes, sections: sections)
    }
}
