import CKernels

/// The bytes of the log. Everything is little-endian and starts at a multiple of 8.
///
/// ```
/// segment   header | block | block | … | end
/// block     header | entry | entry | …
/// entry     header | section | section | …
/// section   header | record | record | …
/// ```
/// A **block** is what became durable at once: it counts whole or, when anything of it is missing
/// or damaged, not at all, and with it everything behind it. The **end** is a header's length of
/// zeros, or what is left of the file if that is less; behind it may be anything, since files are
/// used again, and blocks of another segment say so. An **entry** is what one request did
/// to one table. A **section** is what it did to one shard of it, under the shard's lock; its
/// ticket tells in which order sections of entries in one block happened.
enum LogFormat {
    static let version: UInt32 = 1

    /// | offset | bytes | field |
    /// | --- | --- | --- |
    /// | 0 | 8 | `THERMLOG` |
    /// | 8 | 4 | version of this format |
    /// | 12 | 4 | 0 |
    /// | 16 | 8 | number of the segment |
    /// | 24 | 4 | checksum of the bytes before |
    /// | 28 | 4 | 0 |
    static let segmentHeaderBytes = 32
    static let segmentMagic: UInt64 = 0x474F_4C4D_5245_4854  // "THERMLOG"

    /// | offset | bytes | field |
    /// | --- | --- | --- |
    /// | 0 | 4 | `TLBK` |
    /// | 4 | 4 | checksum of the rest of the header |
    /// | 8 | 8 | number of the block, one more than that of the block before |
    /// | 16 | 8 | bytes of the entries |
    /// | 24 | 4 | number of entries |
    /// | 28 | 4 | number of the segment, low half |
    static let blockHeaderBytes = 32
    /// Zeros behind the last block, where the header of the next will be.
    static let endBytes = blockHeaderBytes
    static let blockMagic: UInt32 = 0x4B42_4C54  // "TLBK"

    /// | offset | bytes | field |
    /// | --- | --- | --- |
    /// | 0 | 8 | bytes of the entry, with its header |
    /// | 8 | 4 | checksum of the rest of the entry |
    /// | 12 | 4 | number of the table |
    /// | 16 | 8 | pushes that the table has had, with this one |
    /// | 24 | 1 | kind |
    /// | 25 | 3 | 0 |
    /// | 28 | 4 | bytes of a record |
    static let entryHeaderBytes = 32
    /// Where the part of an entry that its checksum covers begins.
    static let entryChecksummedFrom = 12

    /// | offset | bytes | field |
    /// | --- | --- | --- |
    /// | 0 | 8 | ticket |
    /// | 8 | 4 | number of records |
    /// | 12 | 4 | 0 |
    ///
    /// The records follow, and zeros to a multiple of 8.
    static let sectionHeaderBytes = 16

    /// What happened to the rows of an entry.
    enum Kind: UInt8, Sendable {
        /// They have become these: records of the hot tier, as they stand in memory.
        case changed = 1
        /// They were made, as a row starts: keys.
        case created = 2
        /// They were deleted from both tiers: keys.
        case deleted = 3
        /// They have left the hot tier; what the cold tier has of them counts: keys.
        case demoted = 4
    }
}

extension LogFormat {
    static func writeSegmentHeader(_ header: UnsafeMutableRawBufferPointer, number: UInt64) {
        unsafe header.storeBytes(of: segmentMagic, toByteOffset: 0, as: UInt64.self)
        unsafe header.storeBytes(of: version, toByteOffset: 8, as: UInt32.self)
        unsafe header.storeBytes(of: number, toByteOffset: 16, as: UInt64.self)
        let checksum = unsafe tc_checksum(header.baseAddress!, 24)  // a header is not empty
        unsafe header.storeBytes(of: checksum, toByteOffset: 24, as: UInt32.self)
    }

    static func writeBlockHeader(
        _ header: UnsafeMutableRawBufferPointer, number: UInt64, bytes: Int, entries: Int,
        segment: UInt64
    ) {
        unsafe header.storeBytes(of: blockMagic, toByteOffset: 0, as: UInt32.self)
        unsafe header.storeBytes(of: number, toByteOffset: 8, as: UInt64.self)
        unsafe header.storeBytes(of: UInt64(bytes), toByteOffset: 16, as: UInt64.self)
        unsafe header.storeBytes(of: UInt32(entries), toByteOffset: 24, as: UInt32.self)
        unsafe header.storeBytes(
            of: UInt32(truncatingIfNeeded: segment), toByteOffset: 28, as: UInt32.self)
        // A header is not empty.
        let checksum = unsafe tc_checksum(header.baseAddress! + 8, blockHeaderBytes - 8)
        unsafe header.storeBytes(of: checksum, toByteOffset: 4, as: UInt32.self)
    }
}
