import Fuzzing
import Testing

@testable import EmbeddingStore

/// Mutated values of rows on disk: each is a row of the table or damaged, and none writes outside
/// its record.
@Suite struct ColdValueFuzzTests {
    private static let dimension = 5
    private static let stateCount = 3
    private static let marginByte: UInt8 = 0xA5
    private static let marginBytes = 64

    private func byteCount(_ precision: Precision) -> Int {
        ColdValue(
            precision: precision,
            layout: RowLayout(
                dimension: Self.dimension, stateCount: Self.stateCount, precision: precision)
        ).byteCount
    }

    /// A value of each precision.
    private var seeds: [[UInt8]] {
        Precision.allCases.map { precision in
            [precision.rawValue, 7, 200, 1]
                + (0..<byteCount(precision) - ColdValue.headerBytes).map { UInt8($0 * 37 & 0x3F) }
        }
    }

    /// As many bytes as the value's precision calls for.
    private func repairLength(_ value: inout [UInt8]) {
        guard let precision = value.first.flatMap({ Precision(rawValue: $0 & 15) }) else { return }
        let count = byteCount(precision)
        value = Array((value + Array(repeating: 0, count: count)).prefix(count))
    }

    @Test(arguments: Precision.allCases)
    func values(hot: Precision) throws {
        let layout = RowLayout(
            dimension: Self.dimension, stateCount: Self.stateCount, precision: hot)
        try FuzzRun("cold-value", seeds: seeds, cases: 10_000).run(repair: repairLength) { input in
            // At every address modulo 4, as in a block of RocksDB.
            let shift = input.count % 4
            let copy = UnsafeMutableRawBufferPointer.allocate(
                byteCount: input.count + shift, alignment: 16)
            defer { copy.deallocate() }
            let bytes = UnsafeMutableRawBufferPointer(rebasing: copy[shift...])
            bytes.copyBytes(from: input)
            return try read(UnsafeRawBufferPointer(bytes), layout)
        }
    }

    private func read(_ bytes: UnsafeRawBufferPointer, _ layout: RowLayout) throws -> Bool {
        let (value, frequency, epoch): (ColdValue, UInt16, UInt8)
        do throws(StoreError) {
            (value, frequency, epoch) = try ColdValue.parse(bytes, layout: layout, key: 1, table: 2)
        } catch {
            guard case .damaged = error else { throw error }
            return false
        }
        guard bytes.count == byteCount(value.precision) else {
            throw Broken("\(bytes.count) bytes are taken for \(value)")
        }
        let record = UnsafeMutableRawBufferPointer.allocate(
            byteCount: layout.stride + Self.marginBytes, alignment: 16)
        defer { record.deallocate() }
        _ = record.initializeMemory(as: UInt8.self, repeating: Self.marginByte)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.dimension) { scratch in
            value.read(
                bytes, into: record.baseAddress!, layout: layout, stream: 3,
                scratch: scratch.baseAddress!)
        }
        let key = record[..<layout.scaleOffset]
        guard key.allSatisfy({ $0 == Self.marginByte }),
            record[layout.stride...].allSatisfy({ $0 == Self.marginByte })
        else { throw Broken("\(value) is read beyond its record") }
        if value.precision == layout.precision {
            try checkWrites(bytes, value, record, layout, frequency: frequency, epoch: epoch)
        }
        return true
    }

    /// A row that is kept as it came is written as it came.
    private func checkWrites(
        _ bytes: UnsafeRawBufferPointer, _ value: ColdValue,
        _ record: UnsafeMutableRawBufferPointer, _ layout: RowLayout, frequency: UInt16,
        epoch: UInt8
    ) throws {
        var again = [UInt8](repeating: 0, count: value.byteCount)
        let meta = RowMeta(frequency: frequency, epoch: UInt32(epoch), flags: 0)
        again.withUnsafeMutableBytes { again in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.dimension) { scratch in
                _ = value.write(
                    record.baseAddress!, layout: layout, meta: meta, epoch: UInt32(epoch),
                    stream: 3, scratch: scratch.baseAddress!, into: again)
            }
        }
        guard again.elementsEqual(bytes) else { throw Broken("\(value) becomes \(again)") }
    }
}
