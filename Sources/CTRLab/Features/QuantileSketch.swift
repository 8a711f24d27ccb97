/// Quantiles of a stream of numbers in little memory.
///
/// KLL: Karnin, Lang and Liberty, Optimal quantile approximation in streams, FOCS 2016. Numbers
/// are kept in levels; a number of level h stands for 2^h numbers of the stream. A level that is
/// full is sorted, and every second number, from the first or the second on by chance, goes
/// one level up. With the default size ranks are off by about 0.1 % of the stream, and exact
/// while the stream is shorter than that size. The same stream gives the same sketch.
public struct QuantileSketch: Sendable {
    public private(set) var count = 0
    private var levels: [[Float]] = [[]]
    private let size: Int
    private var random = SplitMix64(seed: 0x6B6C6C)

    /// - Parameter size: numbers that the largest level keeps.
    public init(size: Int = 2048) {
        precondition(size >= 8)
        self.size = size
    }

    public mutating func add(_ number: Float) {
        count += 1
        levels[0].append(number)
        var level = 0
        while level < levels.count, levels[level].count >= capacity(of: level) {
            compact(level)
            level += 1
        }
    }

    /// Numbers that have at least the shares 1/n, 2/n … (n−1)/n of the stream at or below them,
    /// ascending; equal ones where a number is that frequent. None of an empty stream.
    public func quantiles(parts: Int) -> [Float] {
        guard count > 0 else { return [] }
        var numbers = levels.enumerated().flatMap { level, numbers in
            numbers.map { (number: $0, weight: 1 << level) }
        }
        numbers.sort { $0.number < $1.number }
        var quantiles: [Float] = []
        var below = 0.0
        for (number, weight) in numbers {
            below += Double(weight)
            while quantiles.count < parts - 1,
                below >= Double(count) * Double(quantiles.count + 1) / Double(parts)
            {
                quantiles.append(number)
            }
        }
        return quantiles
    }

    /// Upper levels are longer, each by half, up to `size`.
    private func capacity(of level: Int) -> Int {
        var capacity = Double(size)
        for _ in level + 1..<max(levels.count, level + 1) { capacity *= 2.0 / 3 }
        return max(8, Int(capacity))
    }

    private mutating func compact(_ level: Int) {
        if level + 1 == levels.count { levels.append([]) }
        levels[level].sort()
        // Of an odd number the last stays, so that no weight is lost.
        let last = levels[level].count % 2 == 1 ? levels[level].popLast() : nil
        let first = Int(random.next() & 1)
        for index in stride(from: first, to: levels[level].count, by: 2) {
            levels[level + 1].append(levels[level][index])
        }
        levels[level].removeAll(keepingCapacity: true)
        if let last { levels[level].append(last) }
    }
}
