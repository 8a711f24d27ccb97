import CKernels

extension Initializer {
    /// Writes the start of a row: the same for the same seed and key, everywhere.
    func fill(_ row: UnsafeMutablePointer<Float>, count: Int, seed: UInt64, key: UInt64) {
        switch self {
        case .zeros:
            unsafe row.update(repeating: 0, count: count)
        case .constant(let value):
            unsafe row.update(repeating: Float(value), count: count)
        case .uniform(let low, let high):
            unsafe tc_initialize_uniform(row, count, seed, key, Float(low), Float(high))
        case .normal(let mean, let deviation):
            unsafe tc_initialize_normal(row, count, seed, key, Float(mean), Float(deviation))
        }
    }
}
