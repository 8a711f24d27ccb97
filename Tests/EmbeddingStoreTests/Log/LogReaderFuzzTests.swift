import CKernels
import Fuzzing
import Testing

@testable import EmbeddingStore

/// Mutated segments of the log, with checksums that are true more often than not: each is read up
/// to something that is not sound, and nothing is read from beyond it.
@Suite struct LogReaderFuzzTests {
    private static let segment: UInt64 = 7
    private static let recordBytes = 24

    private func entry(_ kind: LogFormat.Kind, records: Int, sections: Int) -> [UInt8] {
        let entry = LogEntry()
        let bytes = kind == .changed ? Self.recordBytes : 8
        entry.begin(kind, table: 3, recordBytes: bytes)
        for section in 0..<sections {
            entry.beginSection(ticket: UInt64(section + 1))
            for record in 0..<records {
                [UInt8](repeating: UInt8(record), count: bytes).withUnsafeBytes {
                    entry.append(record: $0.baseAddress!)
                }
            }
        }
        entry.seal(pushes: 5)
        return entry.withBytes { Array($0) }
    }

    private func segment(_ blocks: [[[UInt8]]]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: LogFormat.segmentHeaderBytes)
        bytes.withUnsafeMutableBytes { LogFormat.writeSegmentHeader($0, number: Self.segment) }
        for (number, entries) in blocks.enumerated() {
            var header = [UInt8](repeating: 0, count: LogFormat.blockHeaderBytes)
            header.withUnsafeMutableBytes {
                LogFormat.writeBlockHeader(
                    $0, number: UInt64(number + 1), bytes: entries.reduce(0) { $0 + $1.count },
                    entries: entries.count, segment: Self.segment)
            }
            bytes += header + entries.joined()
        }
        return bytes + [UInt8](repeating: 0, count: 64)
    }

    private var seeds: [[UInt8]] {
        [
            segment([]),
            segment([[entry(.changed, records: 3, sections: 2)]]),
            segment([
                [
                    entry(.created, records: 5, sections: 1),
                    entry(.demoted, records: 1, sections: 3),
                ],
                [entry(.deleted, records: 2, sections: 2)],
                [entry(.changed, records: 1, sections: 1)],
            ]),
        ]
    }

    /// Makes the checksums of whatever headers stand where headers should be true.
    private func repairChecksums(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { bytes in
            guard bytes.count >= LogFormat.segmentHeaderBytes, let base = bytes.baseAddress else {
                return
            }
            LogFormat.writeSegmentHeader(
                UnsafeMutableRawBufferPointer(rebasing: bytes[..<LogFormat.segmentHeaderBytes]),
                number: Self.segment)
            var block = LogFormat.segmentHeaderBytes
            while block + LogFormat.blockHeaderBytes <= bytes.count,
                bytes.loadUnaligned(fromByteOffset: block, as: UInt32.self) == LogFormat.blockMagic
            {
                let length = bytes.loadUnaligned(fromByteOffset: block + 16, as: UInt64.self)
                bytes.storeBytes(
                    of: tc_checksum(base + block + 8, LogFormat.blockHeaderBytes - 8),
                    toByteOffset: block + 4, as: UInt32.self)
                let start = block + LogFormat.blockHeaderBytes
                let end = min(UInt64(bytes.count), UInt64(start).addingReportingOverflow(length).0)
                repairEntries(bytes, from: start, to: max(start, Int(end)))
                block = max(start, Int(end))
            }
        }
    }

    private func repairEntries(_ bytes: UnsafeMutableRawBufferPointer, from: Int, to end: Int) {
        var entry = from
        while entry + LogFormat.entryHeaderBytes <= end {
            let length = bytes.loadUnaligned(fromByteOffset: entry, as: UInt64.self)
            guard length >= LogFormat.entryHeaderBytes, length <= end - entry else { return }
            let covered = entry + LogFormat.entryChecksummedFrom
            bytes.storeBytes(
                of: tc_checksum(bytes.baseAddress! + covered, entry + Int(length) - covered),
                toByteOffset: entry + 8, as: UInt32.self)
            entry += Int(length)
        }
    }

    @Test func segments() throws {
        try FuzzRun("log-segment", seeds: seeds).run(repair: repairChecksums) { input in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: input.count, alignment: 16)
            defer { copy.deallocate() }
            copy.copyBytes(from: input)
            return try read(UnsafeRawBufferPointer(copy))
        }
    }

    private func read(_ bytes: UnsafeRawBufferPointer) throws -> Bool {
        var reader: LogReader
        do throws(LogReader.Unreadable) {
            reader = try LogReader(bytes, segment: Self.segment)
        } catch {
            return false
        }
        var expected: UInt64?
        var sections = 0
        while true {
            let before = reader.offset
            guard case .block(let block) = reader.next(expected: expected) else { break }
            guard reader.offset == before + block.byteCount, reader.offset <= bytes.count else {
                throw Broken("block \(block.number) ends at \(reader.offset)")
            }
            for entry in block.entries {
                for section in entry.sections {
                    sections += 1
                    try check(section, of: entry, in: bytes)
                }
            }
            expected = block.number &+ 1
        }
        guard reader.offset <= bytes.count, reader.brokenBytesFromHere >= 0 else {
            throw Broken("what is left begins at \(reader.offset) of \(bytes.count)")
        }
        _ = reader.hasLaterBlock(after: expected)
        return sections > 0
    }

    private func check(
        _ section: LogReader.Section, of entry: LogReader.Entry, in bytes: UnsafeRawBufferPointer
    ) throws {
        let start = section.records - bytes.baseAddress!
        guard start >= 0, start + section.count * entry.recordBytes <= bytes.count else {
            throw Broken("\(section.count) records of \(entry.recordBytes) bytes at \(start)")
        }
    }
}
