import CKernels

/// Solves `A s = r` for many columns at once, where `A` is the sum over pairs of
/// `weight (e_first + e_second)(e_first + e_second)ᵀ`: symmetric, never negative, and given only by its
/// effect on a vector. Columns have nothing to do with each other; each has steps of its own.
///
/// Where `A` is singular (ids whose pairs of rows form no odd circle leave a choice), it finds a
/// solution all the same, since `r` is in its range.
struct ConjugateGradients {
    let columns: Int
    private(set) var solution: [Float]
    private let diagonal: [Float]
    private var residual: [Float]
    private var direction: [Float]
    private var image: [Float]
    /// Of each column: the residual's square in the norm of the preconditioner, now and at first.
    private var squares: [Double]
    private let squaresAtFirst: [Double]

    init(rightHandSide: consuming [Float], diagonal: [Float], columns: Int) {
        self.columns = columns
        self.diagonal = diagonal
        residual = rightHandSide
        solution = [Float](repeating: 0, count: residual.count)
        image = solution
        direction = residual
        for row in diagonal.indices {
            let inverse = diagonal[row] > 0 ? 1 / diagonal[row] : 0
            for at in row * columns..<(row + 1) * columns { direction[at] *= inverse }
        }
        squares = Self.products(residual, direction, columns)
        squaresAtFirst = squares
    }

    /// Takes a step. Returns the largest of the columns' residuals, compared with the first ones.
    mutating func step(_ pairs: PairFile) throws(StoreError) -> Double {
        try apply(pairs)
        let curvatures = Self.products(direction, image, columns)
        let lengths = (0..<columns).map {
            // A column that is solved stays.
            Float(curvatures[$0] > 0 ? squares[$0] / curvatures[$0] : 0)
        }
        var next = [Double](repeating: 0, count: columns)
        unsafe residual.withUnsafeMutableBufferPointer { residual in
            unsafe solution.withUnsafeMutableBufferPointer { solution in
                for row in diagonal.indices where diagonal[row] > 0 {
                    let inverse = Double(1 / diagonal[row])
                    for column in 0..<columns {
                        let at = row * columns + column
                        unsafe solution[at] += lengths[column] * direction[at]
                        unsafe residual[at] -= lengths[column] * image[at]
                        let rest = unsafe Double(residual[at])
                        next[column] += rest * rest * inverse
                    }
                }
            }
        }
        let ratios = (0..<columns).map { Float(squares[$0] > 0 ? next[$0] / squares[$0] : 0) }
        unsafe direction.withUnsafeMutableBufferPointer { direction in
            for row in diagonal.indices where diagonal[row] > 0 {
                let inverse = 1 / diagonal[row]
                for column in 0..<columns {
                    let at = row * columns + column
                    unsafe direction[at] = residual[at] * inverse + ratios[column] * direction[at]
                }
            }
        }
        squares = next
        return (0..<columns).reduce(0) { worst, column in
            squaresAtFirst[column] == 0
                ? worst : max(worst, (squares[column] / squaresAtFirst[column]).squareRoot())
        }
    }

    /// Multiplies the direction by `A`.
    private mutating func apply(_ pairs: PairFile) throws(StoreError) {
        let columns = columns
        for at in image.indices { image[at] = 0 }
        var failure: StoreError?
        unsafe direction.withUnsafeBufferPointer { direction in
            unsafe image.withUnsafeMutableBufferPointer { image in
                // Not empty: a fit has at least one row.
                let from = direction.baseAddress!
                let to = image.baseAddress!
                do throws(StoreError) {
                    try unsafe pairs.forEachBlock { block in
                        unsafe Self.apply(block, from, to, columns)
                    }
                } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
    }

    private static func apply(
        _ pairs: UnsafeBufferPointer<PairFile.Pair>, _ direction: UnsafePointer<Float>,
        _ image: UnsafeMutablePointer<Float>, _ columns: Int
    ) {
        for at in 0..<pairs.count {
            // Rows lie anywhere.
            let ahead = unsafe pairs[min(at + 8, pairs.count - 1)]
            unsafe tc_prefetch(direction + Int(ahead.first) * columns)
            unsafe tc_prefetch(direction + Int(ahead.second) * columns)
            unsafe tc_prefetch(image + Int(ahead.first) * columns)
            unsafe tc_prefetch(image + Int(ahead.second) * columns)
            let pair = unsafe pairs[at]
            let first = Int(pair.first) * columns
            let second = Int(pair.second) * columns
            for column in 0..<columns {
                let part =
                    unsafe pair.weight * (direction[first + column] + direction[second + column])
                unsafe image[first + column] += part
                unsafe image[second + column] += part
            }
        }
    }

    /// The scalar product of each column.
    private static func products(_ left: [Float], _ right: [Float], _ columns: Int) -> [Double] {
        var sums = [Double](repeating: 0, count: columns)
        unsafe left.withUnsafeBufferPointer { left in
            unsafe right.withUnsafeBufferPointer { right in
                unsafe sums.withUnsafeMutableBufferPointer { sums in
                    for row in 0..<left.count / columns {
                        for column in 0..<columns {
                            let at = row * columns + column
                            unsafe sums[column] += Double(left[at]) * Double(right[at])
                        }
                    }
                }
            }
        }
        return sums
    }
}
