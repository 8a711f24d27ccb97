import CKernels

/// Shared rows that come as near as they can to the rows which they replace, each counted by how
/// often it is used: they minimise
///
/// ```
/// Σ f(i) |x(i) − (s(a(i)) + s(b(i)))|²
/// ```
/// where `a` and `b` say which two shared rows stand for id `i`. Where one row stands for an id, or two
/// halves do, that is a weighted mean. The sum of two takes the method of conjugate gradients on the
/// normal equations, with their diagonal as preconditioner: every step goes once through the pairs,
/// which are in a file, so that memory holds four numbers for each of the shared rows' and no id. The
/// equations are the same for every column, but each column takes steps of its own. For products
/// there are no such equations: ``AlternatingFactors`` finds them.
@safe final class SharedRowFit {
    private let sharing: RowSharing
    /// Floats of a shared row.
    let rowDimension: Int
    private let pairs: PairFile?
    /// float32[row count][row dimension]: first the right-hand side, in the end the rows.
    private var rows: [Float]
    /// The diagonal of the normal equations; 0 for a row that stands for no id.
    private var diagonal: [Float]
    /// Sum of the frequencies of the ids that a row stands for.
    private(set) var weights: [Float]

    /// What a fit of so many rows takes, at most.
    static func memoryBytes(rowCount: Int, rowDimension: Int, rule: RowSharing.Rule) -> Int {
        let floats = (rule == .sum || rule == .product ? 4 : 1) * rowDimension + 2
        let (bytes, overflow) = rowCount.multipliedReportingOverflow(by: 4 * floats)
        return overflow ? .max : bytes
    }

    /// - Parameters:
    ///   - dimension: of the rows that are replaced.
    ///   - folder: for a file of 12 bytes an id.
    init(
        _ sharing: RowSharing, dimension: Int, scratch folder: String
    ) throws(StoreError) {
        self.sharing = sharing
        rowDimension = sharing.rule == .concatenate ? dimension / 2 : dimension
        pairs = sharing.rule == .sum ? try PairFile(inFolder: folder) : nil
        rows = [Float](repeating: 0, count: sharing.rowCount * rowDimension)
        diagonal = [Float](repeating: 0, count: sharing.rowCount)
        weights = diagonal
    }

    /// Takes a row into account.
    func add(_ id: UInt64, _ row: [Float], weight: Float) throws(StoreError) {
        let (first, second) = sharing.parts(id)
        if sharing.rule != .product { addToRow(first, row[...], weight) }
        switch sharing.rule {
        case .product:
            diagonal[first] += weight
            diagonal[second] += weight
        case .one:
            diagonal[first] += weight
        case .concatenate:
            // What was added to the first is only its half.
            addToRow(second, row[rowDimension...], weight)
            diagonal[first] += weight
            diagonal[second] += weight
        case .sum:
            addToRow(second, row[...], weight)
            if first == second {
                diagonal[first] += 4 * weight
            } else {
                diagonal[first] += weight
                diagonal[second] += weight
            }
            try pairs?.append(
                .init(first: UInt32(first), second: UInt32(second), weight: weight))
        }
        weights[first] += weight
        if second != first { weights[second] += weight }
    }

    private func addToRow(_ number: Int, _ values: ArraySlice<Float>, _ weight: Float) {
        unsafe rows.withUnsafeMutableBufferPointer { rows in
            unsafe values.withUnsafeBufferPointer { values in
                for at in 0..<rowDimension {
                    unsafe rows[number * rowDimension + at] += weight * values[at]
                }
            }
        }
    }

    /// How a fit went.
    struct Result {
        var iterations = 0
        /// The residual's size compared with that of the right-hand side; of products, what share
        /// of the error the last step has taken off.
        var residual = 0.0
    }

    /// Rows in ascending order of id, each with its weight.
    typealias Rows = (_ body: (UInt64, [Float], Float) throws(StoreError) -> Void)
        throws(StoreError) -> Void

    /// Finds the rows. Takes at most `iterationsMax` steps, and none more once the residual has
    /// shrunk to `tolerance` times what it was in every column.
    ///
    /// - Parameter forEachRow: goes through all rows that were added, once more.
    func solve(
        tolerance: Double, iterationsMax: Int, forEachRow: Rows, progress: (Int) -> Void
    ) throws(StoreError) -> Result {
        if sharing.rule == .product {
            return try solveProducts(tolerance, iterationsMax, forEachRow, progress)
        }
        guard let pairs else {
            for number in diagonal.indices where diagonal[number] > 0 {
                for at in 0..<rowDimension {
                    rows[number * rowDimension + at] /= diagonal[number]
                }
            }
            return Result()
        }
        var solver = ConjugateGradients(
            rightHandSide: rows, diagonal: diagonal, columns: rowDimension)
        // It has them now.
        rows = []
        var result = Result(residual: 1)
        while result.iterations < iterationsMax, result.residual > tolerance {
            result.residual = try solver.step(pairs)
            result.iterations += 1
            progress(result.iterations)
        }
        rows = solver.solution
        return result
    }

    /// Each step reads the whole table, and the first few do most.
    private static let productStepsMax = 20

    private func solveProducts(
        _ tolerance: Double, _ iterationsMax: Int, _ forEachRow: Rows, _ progress: (Int) -> Void
    ) throws(StoreError) -> Result {
        var solver = AlternatingFactors(
            remainders: sharing.firstQuotient,
            quotients: sharing.rowCount - sharing.firstQuotient, columns: rowDimension)
        rows = []
        var result = Result(residual: 1)
        let stepsMax = min(iterationsMax, Self.productStepsMax)
        while result.iterations < stepsMax, result.residual > tolerance {
            try forEachRow { id, row, weight in
                let (first, second) = sharing.parts(id)
                solver.add(quotient: first, remainder: second, row, weight: weight)
            }
            result.residual = solver.endTurn()
            result.iterations += 1
            progress(result.iterations)
        }
        rows = solver.factors
        return result
    }

    // MARK: the rows

    /// Whether any id that was added falls on a row.
    func isUsed(_ number: Int) -> Bool { diagonal[number] > 0 }

    subscript(number: Int) -> [Float] {
        get { Array(rows[number * rowDimension..<(number + 1) * rowDimension]) }
        set {
            rows.replaceSubrange(
                number * rowDimension..<(number + 1) * rowDimension, with: newValue)
        }
    }

    /// Writes what an id is served in place of its row; float32[dimension].
    func combine(_ id: UInt64, into row: inout [Float]) {
        let (first, second) = sharing.parts(id)
        let left = first * rowDimension
        let right = second * rowDimension
        for at in 0..<rowDimension {
            switch sharing.rule {
            case .one: row[at] = rows[left + at]
            case .sum: row[at] = rows[left + at] + rows[right + at]
            case .product: row[at] = rows[left + at] * rows[right + at]
            case .concatenate:
                row[at] = rows[left + at]
                row[rowDimension + at] = rows[right + at]
            }
        }
    }
}
