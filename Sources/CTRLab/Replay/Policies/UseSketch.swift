/// How often ids were used lately, about: a count-min sketch of four rows with small counters, which
/// halve when ten times as many uses were counted as the cache has room for ids.
///
/// Cormode and Muthukrishnan: An improved data stream summary: the count-min sketch and its
/// applications, Journal of Algorithms 55(1), 2005; the reset is TinyLFU's.
struct UseSketch {
    private static let rows = 4
    private static let countMax: UInt8 = 15

    private var counters: [UInt8]
    private let mask: Int
    private let sampleCount: Int
    private var counted = 0

    init(capacity: Int) {
        var width = 16
        while width < 8 * capacity { width *= 2 }
        mask = width - 1
        counters = Array(repeating: 0, count: Self.rows * width)
        sampleCount = 10 * capacity
    }

    mutating func count(_ id: Int) {
        for row in 0..<Self.rows {
            let place = place(id, row)
            if counters[place] < Self.countMax { counters[place] += 1 }
        }
        counted += 1
        if counted == sampleCount {
            for place in counters.indices { counters[place] /= 2 }
            counted /= 2
        }
    }

    func uses(_ id: Int) -> Int {
        Int((0..<Self.rows).reduce(Self.countMax) { min($0, counters[place(id, $1)]) })
    }

    private func place(_ id: Int, _ row: Int) -> Int {
        let hash = SplitMix64.mix(UInt64(id) &* 4 &+ UInt64(row) &+ 1)
        return row * (mask + 1) + Int(truncatingIfNeeded: hash) & mask
    }
}
