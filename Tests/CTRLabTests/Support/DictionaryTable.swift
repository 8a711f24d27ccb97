import Synchronization

@testable import CTRLab

/// Rows in a dictionary with plain gradient steps: what a table is, without a store.
final class DictionaryTable: RowTable {
    let dimension: Int
    let hasOwnRows = true
    private let rate: Float
    private let seed: UInt64
    private let state = Mutex<(rows: [UInt64: [Float]], pushes: Int)>(([:], 0))

    init(dimension: Int, rate: Float, seed: UInt64 = 1) {
        self.dimension = dimension
        self.rate = rate
        self.seed = seed
    }

    var rows: [UInt64: [Float]] { state.withLock { $0.rows } }
    var pushes: Int { state.withLock { $0.pushes } }

    private func start(_ id: UInt64) -> [Float] {
        var random = SplitMix64(seed: SplitMix64.mix(seed) ^ id)
        return (0..<dimension).map { _ in Float(random.normal() * 0.1) }
    }

    func pull(_ ids: [UInt64], create: Bool) -> [Float] {
        state.withLock { state in
            ids.flatMap { id in
                if let row = state.rows[id] { return row }
                guard create else { return [Float](repeating: 0, count: dimension) }
                let row = start(id)
                state.rows[id] = row
                return row
            }
        }
    }

    func push(_ ids: [UInt64], gradients: [Float]) {
        state.withLock { state in
            state.pushes += 1
            for (index, id) in ids.enumerated() {
                for column in 0..<dimension {
                    state.rows[id]?[column] -= rate * gradients[index * dimension + column]
                }
            }
        }
    }

    func bytes() -> TableBytes {
        state.withLock {
            TableBytes(
                rowCount: $0.rows.count, rows: $0.rows.count * dimension * 4, optimizerState: 0,
                index: 0)
        }
    }
}
