/// Which ids keep a row of their own: exactly the most frequent, found in bounded memory, because
/// frequencies have few values. Of ids with the same frequency the smaller comes first.
struct OwnRowChoice {
    /// Ids by frequency.
    private var counts = [Int](repeating: 0, count: 1 << 16)
    private(set) var total = 0

    mutating func add(frequency: UInt16) {
        counts[Int(frequency)] += 1
        total += 1
    }

    /// Says yes to ids that come in ascending order, each once.
    struct Pass {
        /// All ids that are used more often have a row.
        fileprivate var threshold: Int
        /// Ids with just this frequency that still have one.
        fileprivate var left: Int

        mutating func takes(frequency: UInt16) -> Bool {
            if frequency > threshold { return true }
            guard frequency == threshold, left > 0 else { return false }
            left -= 1
            return true
        }
    }

    func pass(_ own: RowSharing.OwnRows) -> Pass {
        switch own {
        case .none: return Pass(threshold: .max, left: 0)
        case .usedAtLeast(let frequency): return Pass(threshold: frequency - 1, left: 0)
        case .mostFrequent(let rows):
            var left = rows
            for frequency in counts.indices.reversed() {
                if counts[frequency] > left { return Pass(threshold: frequency, left: left) }
                left -= counts[frequency]
            }
            return Pass(threshold: -1, left: 0)
        }
    }
}
