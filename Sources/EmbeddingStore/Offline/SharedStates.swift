/// Optimizer state of shared rows: the mean of what it was beside the rows that they replace, each
/// counted by how often it is used, so that steps go on with about the size that they had.
struct SharedStates {
    private let stateCount: Int
    private let optimizer: Optimizer
    private var sums: [Float]

    init(_ table: OfflineTable, _ fit: SharedRowFit, rowCount: Int) {
        optimizer = table.schema.optimizer
        stateCount = optimizer.stateCount(dimension: fit.rowDimension)
        sums = [Float](repeating: 0, count: rowCount * stateCount)
    }

    /// Takes the state of an id into account. Where an id has two halves, each gets that of its half.
    mutating func add(_ row: StoredRow, weight: Float, parts: (first: Int, second: Int)) {
        if stateCount == 0 { return }
        let isHalf = stateCount != row.state.count
        add(row.state, weight, to: parts.first, half: isHalf ? 0 : nil, of: row.values.count)
        if parts.second != parts.first || isHalf {
            add(row.state, weight, to: parts.second, half: isHalf ? 1 : nil, of: row.values.count)
        }
    }

    private mutating func add(
        _ state: [Float], _ weight: Float, to number: Int, half: Int?, of dimension: Int
    ) {
        for at in 0..<stateCount {
            // One run of `dimension` floats after the other, half of each.
            let source =
                half.map {
                    at / (dimension / 2) * dimension + $0 * dimension / 2 + at % (dimension / 2)
                }
                ?? at
            sums[number * stateCount + at] += weight * state[source]
        }
    }

    /// The state of a row whose ids have `weight` in all.
    func state(_ number: Int, row: [Float], weight: Float) -> [Float] {
        var state = sums[number * stateCount..<(number + 1) * stateCount].map { $0 / weight }
        if case .ftrl(let alpha, let beta, let l1, let l2) = optimizer {
            // FTRL makes the row of its state with every step: the one that makes just this row.
            for (at, value) in row.enumerated() {
                let n = max(state[row.count + at], 0)
                let curve = (Float(beta) + n.squareRoot()) / Float(alpha) + Float(l2)
                state[at] = value == 0 ? 0 : -value * curve - (value < 0 ? -1 : 1) * Float(l1)
            }
        }
        return state
    }
}
