import Benchmark
import CKernels

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
/// without locks, shards, frequencies and tiers.
///
/// Records are as long as the table's and begin with the id. A slot holds a position plus 1, or 0.
final class FlatTable {
    private let records: UnsafeMutableRawPointer
    private let slots: UnsafeMutablePointer<UInt32>
    private let shift: UInt64

    private static let recordBytes = 80
    private static let rowOffset = 16
    /// Lookups between asking for a slot and for the record that it names, and from there to its use.
    private static let ahead = 8

    /// A table of the rows that `id(ofRow:)` names.
    init(count: Int) {
        records = UnsafeMutableRawPointer(
            allocateOnHugePages(count * Self.recordBytes, of: UInt8(0)))
        let slotBits = Int.bitWidth - (2 * count - 1).leadingZeroBitCount
        slots = allocateOnHugePages(1 << slotBits, of: 0)
        shift = UInt64(64 - slotBits)
        for position in 0..<count {
            let id = id(ofRow: position)
            (records + position * Self.recordBytes).storeBytes(of: id, as: UInt64.self)
            var slot = home(id)
            while slots[slot] != 0 { slot = next(slot) }
            slots[slot] = UInt32(position + 1)
        }
    }

    deinit {
        records.deallocate()
        slots.deallocate()
    }

    @inline(__always)
    private func home(_ id: UInt64) -> Int {
        Int(truncatingIfNeeded: SplitMix64.mix(id) >> shift)
    }

    @inline(__always)
    private func next(_ slot: Int) -> Int {
        (slot &+ 1) & (1 &<< (64 &- Int(shift)) &- 1)
    }

    @inline(__always)
    private func record(_ slot: UInt32) -> UnsafeMutableRawPointer {
        records + (Int(slot) &- 1) &* Self.recordBytes
    }

    /// Copies the rows of `ids`, all of which must be there, to `output`.
    func pull(_ ids: [UInt64], into output: UnsafeMutablePointer<Float>) {
        ids.withUnsafeBufferPointer { ids in
            for at in 0..<ids.count {
                if at + 2 * Self.ahead < ids.count {
                    tc_prefetch(slots + home(ids[at + 2 * Self.ahead]))
                }
                if at + Self.ahead < ids.count {
                    let likely = slots[home(ids[at + Self.ahead])]
                    if likely != 0 {
                        tc_prefetch(record(likely))
                        tc_prefetch(record(likely) + 64)
                    }
                }
                var slot = home(ids[at])
                while record(slots[slot]).load(as: UInt64.self) != ids[at] { slot = next(slot) }
                memcpy(
                    output + at &* rowFloats, record(slots[slot]) + Self.rowOffset,
                    rowFloats * MemoryLayout<Float>.size)
            }
        }
        blackHole(output)
    }
}
