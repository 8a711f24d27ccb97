import CKernels

/// How the two rows that stand for an id become one, and what of its gradient each of them gets.
struct Combination: Sendable {
    let combine: Scheme.Combine
    /// Values of a row as it is served.
    let dimension: Int

    init?(_ schema: TableSchema) {
        guard let combine = schema.scheme.combine else { return nil }
        self.combine = combine
        dimension = schema.dimension
    }

    /// Combines two rows that lie side by side, in place of the first.
    @inline(__always)
    func combine(_ parts: UnsafeMutablePointer<Float>) {
        switch combine {
        case .sum: unsafe tc_add(parts, parts + dimension, dimension)
        case .concatenate: break
        case .multiply:
            for element in 0..<dimension { unsafe parts[element] *= parts[dimension + element] }
        }
    }

    /// Makes the gradients of both factors of products, float32[2n][dimension], in place of the
    /// factors.
    func makeGradients(
        ofFactors factors: UnsafeMutablePointer<Float>, _ gradients: UnsafePointer<Float>,
        count: Int
    ) {
        for at in 0..<count {
            let first = unsafe factors + 2 * at * dimension
            let second = unsafe first + dimension
            let gradient = unsafe gradients + at * dimension
            for element in 0..<dimension {
                let factor = unsafe first[element]
                unsafe first[element] = unsafe gradient[element] * second[element]
                unsafe second[element] = unsafe gradient[element] * factor
            }
        }
    }

    /// Values for both rows, float32[2n][row dimension], that combine to `values`.
    func split(_ values: UnsafePointer<Float>, count: Int) -> [Float] {
        var parts: [Float] = []
        let total = count * dimension
        switch combine {
        case .concatenate:
            return unsafe Array(UnsafeBufferPointer(start: values, count: total))
        case .sum, .multiply:
            parts.reserveCapacity(2 * total)
            for at in 0..<count {
                let value = unsafe UnsafeBufferPointer(
                    start: values + at * dimension, count: dimension)
                if combine == .multiply {
                    for element in 0..<dimension { unsafe parts.append(value[element]) }
                    parts.append(contentsOf: repeatElement(1, count: dimension))
                } else {
                    for _ in 0..<2 {
                        for element in 0..<dimension { unsafe parts.append(value[element] / 2) }
                    }
                }
            }
            return parts
        }
    }
}
