/// How often rows are used that have left a shard: otherwise one that comes and goes with every use
/// would not be known to be used often, or would have to be written to disk each time.
///
/// A count-min sketch (Cormode and Muthukrishnan, J. Algorithms 55(1), 2005) of bytes, in which each
/// row has two, both in one cache line. Frequencies up to 255 are exact unless rows share both
/// bytes: then one seems to be used as often as the other. None seems to be used less than it is, until
/// reads of many rows that stay on disk have halved all of them.
struct ColdFrequencies {
    /// A power of two of lines; none before anything has been noted.
    private var counters: [UInt8] = []
    private var epoch: UInt32 = 0
    /// Of rows that stayed on disk, since what is known was last halved for them.
    private var reads = 0

    /// The largest frequency that can be remembered.
    static let most = UInt16(UInt8.max)
    private static let lineBytes = 64
    /// For each row in memory, at least.
    private static let countersPerRow = 4

    var bytes: Int { counters.count }

    /// Makes room for what leaves a shard that has so many rows.
    mutating func reserve(rows: Int) {
        if counters.isEmpty { counters = Array(repeating: 0, count: Self.lineBytes) }
        // A longer sketch tells rows apart that a shorter one had in one line: what that knew of
        // them holds for each.
        while counters.count < rows * Self.countersPerRow { counters += counters }
    }

    /// Gives memory back when the shard has become much smaller. Rows that come to share a line keep
    /// the larger count.
    mutating func trim(rows: Int) {
        while counters.count > max(Self.lineBytes, 4 * rows * Self.countersPerRow) {
            let half = counters.count / 2
            counters = (0..<half).map { max(counters[$0], counters[half + $0]) }
        }
    }

    /// Notes a row that leaves, used `frequency` times as of `epoch`. Room has been reserved.
    mutating func note(_ hash: UInt64, _ frequency: UInt16, epoch: UInt32) {
        bringUpToDate(epoch: epoch)
        let count = UInt8(clamping: frequency)
        let (one, other) = places(hash)
        counters[one] = max(counters[one], count)
        counters[other] = max(counters[other], count)
    }

    /// Notes a row that was read and stays on disk, as ``note(_:_:epoch:)`` does.
    ///
    /// There may be many times as many such rows as the sketch can tell apart: then the reads of all that
    /// share a counter add up in it, and each of them would seem to be used often. So what is known halves
    /// after half as many reads as there are counters (TinyLFU's reset; Einziger, Friedman and Manes, ACM
    /// Transactions on Storage 13(4), 2017).
    mutating func noteRead(_ hash: UInt64, _ frequency: UInt16, epoch: UInt32) {
        note(hash, frequency, epoch: epoch)
        reads += 1
        if reads < counters.count / 2 { return }
        reads = 0
        halve(times: 1)
    }

    /// As of `epoch`; 0 for a row of which nothing is known.
    mutating func frequency(_ hash: UInt64, epoch: UInt32) -> UInt16 {
        if counters.isEmpty { return 0 }
        bringUpToDate(epoch: epoch)
        let (one, other) = places(hash)
        return UInt16(min(counters[one], counters[other]))
    }

    /// Halves what is known with every epoch, as the rows' own frequencies do.
    private mutating func bringUpToDate(epoch: UInt32) {
        if epoch == self.epoch { return }
        halve(times: epoch &- self.epoch)
        self.epoch = epoch
    }

    private mutating func halve(times: UInt32) {
        for at in counters.indices { counters[at] >>= UInt8(min(times, 8)) }
    }

    private func places(_ hash: UInt64) -> (Int, Int) {
        // Bits from the lowest up; a shard is chosen by the highest.
        let line = Int(hash >> 12) & (counters.count / Self.lineBytes - 1)
        let start = line * Self.lineBytes
        return (start + Int(hash & 63), start + Int(hash >> 6 & 63))
    }
}
