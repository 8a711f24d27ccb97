import Benchmark
import CLimits

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension BenchmarkMetric {
    /// The rate in percent of the lookup loop's, of the same rows, just before.
    static var shareOfLookup: BenchmarkMetric {
        .custom("Rate of lookup loop (%)", polarity: .prefersLarger, useScalingFactor: false)
    }
}

/// Rows to be found by id, in the plainest hash table that can hold them: what a pull costs
/// without locks, shards, frequencies and tiers. Records are as long as the table's.
final class FlatTable {
    private var table: limits_table

    private static let recordBytes = 80
    private static let rowOffset = 16

    /// A table of the rows that `id(ofRow:)` names.
    init(count: Int) {
        let slotBits = limits_slot_bits(count)
        table = limits_table(
            records: allocateOnHugePages(count * Self.recordBytes, of: UInt8(0)),
            slots: allocateOnHugePages(1 << Int(slotBits), of: UInt32(0)),
            record_bytes: Self.recordBytes, row_offset: Self.rowOffset,
            slot_bits: slotBits)
        for position in 0..<count {
            UnsafeMutableRawPointer(table.records + position * Self.recordBytes)
                .storeBytes(of: id(ofRow: position), as: UInt64.self)
            limits_enter(&table, position)
        }
    }

    deinit {
        table.records.deallocate()
        table.slots.deallocate()
    }

    /// Copies the rows of `ids`, all of which must be there, to `output`.
    func pull(_ ids: [UInt64], into output: UnsafeMutablePointer<Float>) {
        limits_lookup(&table, rowFloats, ids, ids.count, output)
        blackHole(output)
    }
}
