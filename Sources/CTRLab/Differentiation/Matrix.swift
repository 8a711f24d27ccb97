internal import COpenBLAS

/// A matrix of floats, row-major.
public struct Matrix: Sendable, Equatable {
    public let rows: Int
    public let columns: Int
    public var values: [Float]

    public init(_ rows: Int, _ columns: Int, _ values: [Float]) {
        precondition(values.count == rows * columns, "\(values.count) ≠ \(rows) × \(columns)")
        self.rows = rows
        self.columns = columns
        self.values = values
    }

    public init(zeros rows: Int, _ columns: Int) {
        self.init(rows, columns, [Float](repeating: 0, count: rows * columns))
    }

    /// A matrix whose every value is written by `fill`.
    init(
        _ rows: Int, _ columns: Int, fill: (UnsafeMutablePointer<Float>) -> Void
    ) {
        let count = rows * columns
        self.init(
            rows, columns,
            [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
                // An empty matrix has no address, and nothing is written.
                if let base = buffer.baseAddress { fill(base) }
                initialized = count
            })
    }

    /// A matrix of the same shape whose values `fill` makes out of these, those of some whole rows
    /// at a time.
    @inline(__always)
    func mapped(
        _ fill: (
            _ range: Range<Int>, _ values: UnsafePointer<Float>,
            _ result: UnsafeMutablePointer<Float>
        )
            -> Void
    ) -> Matrix {
        let columns = columns
        return Matrix(rows, columns) { result in
            read { values in
                forEachRows { rows in
                    fill(rows.lowerBound * columns..<rows.upperBound * columns, values, result)
                }
            }
        }
    }

    /// Calls `body` with some rows at a time, several at once.
    @inline(__always)
    func forEachRows(_ body: (Range<Int>) -> Void) {
        Parallel.forEachPart(of: rows, least: Self.partValues / max(columns, 1) + 1, body)
    }

    /// Values of a part, at least.
    static let partValues = 1 << 16

    /// Calls `body` with the address of the values.
    @inline(__always)
    func read<Result>(_ body: (UnsafePointer<Float>) -> Result) -> Result {
        values.withUnsafeBufferPointer { body($0.baseAddress ?? UnsafePointer(Self.nowhere)) }
    }

    /// Calls `body` with the address of the values, to change them.
    @inline(__always)
    mutating func write<Result>(_ body: (UnsafeMutablePointer<Float>) -> Result) -> Result {
        values.withUnsafeMutableBufferPointer { body($0.baseAddress ?? Self.nowhere) }
    }

    /// The address of no values: an empty matrix is neither read nor written through it.
    private static var nowhere: UnsafeMutablePointer<Float> {
        UnsafeMutablePointer(bitPattern: MemoryLayout<Float>.alignment)!  // Not 0.
    }

    public subscript(row: Int, column: Int) -> Float {
        get { values[row * columns + column] }
        set { values[row * columns + column] = newValue }
    }

    /// Adds `other` times `factor`.
    mutating func add(_ other: Matrix, times factor: Float = 1) {
        precondition(rows == other.rows && columns == other.columns)
        let count = values.count
        write { result in
            other.read { other in
                for index in 0..<count { result[index] += factor * other[index] }
            }
        }
    }

    /// The sum of the squares of all values.
    var squaredNorm: Float { read { Self.dot($0, $0, values.count) } }

    /// `result += op(a)·op(b)` by sgemm, where op is the transpose or nothing.
    static func addProduct(
        _ a: Matrix, leftTransposed: Bool = false, _ b: Matrix, rightTransposed: Bool = false,
        to result: inout Matrix
    ) {
        precondition(result.rows == (leftTransposed ? a.columns : a.rows), "rows")
        precondition(result.columns == (rightTransposed ? b.rows : b.columns), "columns")
        result.write { result in
            forEachProductPart(a, leftTransposed, b, rightTransposed) {
                multiply(a, leftTransposed, b, rightTransposed, rows: $0, addingTo: 1, result)
            }
        }
    }

    /// `a·b + 1·row`: the row added to each row of the product; and with `rectified` the larger of
    /// that and 0.
    static func product(
        _ a: Matrix, _ b: Matrix, plusRow row: Matrix, rectified: Bool
    ) -> Matrix {
        precondition(row.rows == 1 && row.columns == b.columns)
        let columns = b.columns
        return Matrix(a.rows, columns) { result in
            row.read { row in
                forEachProductPart(a, false, b, false) { rows in
                    // The product is added to the row, which saves a pass over the result.
                    for index in rows {
                        (result + index * columns).update(from: row, count: columns)
                    }
                    multiply(a, false, b, false, rows: rows, addingTo: 1, result)
                    guard rectified else { return }
                    for index in rows.lowerBound * columns..<rows.upperBound * columns {
                        result[index] = max(result[index], 0)
                    }
                }
            }
        }
    }

    /// `op(a)·op(b)`
    static func product(
        _ a: Matrix, leftTransposed: Bool = false, _ b: Matrix, rightTransposed: Bool = false
    ) -> Matrix {
        if (leftTransposed ? a.rows : a.columns) == 0 {
            return Matrix(
                zeros: leftTransposed ? a.columns : a.rows, rightTransposed ? b.rows : b.columns)
        }
        return Matrix(
            leftTransposed ? a.columns : a.rows, rightTransposed ? b.rows : b.columns
        ) { result in
            forEachProductPart(a, leftTransposed, b, rightTransposed) {
                multiply(a, leftTransposed, b, rightTransposed, rows: $0, addingTo: 0, result)
            }
        }
    }

    /// Calls `body` with some rows of `op(a)·op(b)` at a time, several at once.
    private static func forEachProductPart(
        _ a: Matrix, _ transposesA: Bool, _ b: Matrix, _ transposesB: Bool,
        _ body: (Range<Int>) -> Void
    ) {
        let rows = transposesA ? a.columns : a.rows
        let columns = transposesB ? b.rows : b.columns
        let inner = transposesA ? a.rows : a.columns
        precondition(inner == (transposesB ? b.columns : b.rows), "inner dimensions")
        Parallel.forEachPart(
            of: rows,
            least: max(productRowsMin, productOperationsMin / max(2 * columns * inner, 1)), body)
    }

    /// Operations of a part of a product, at least; they take about a millisecond.
    private static let productOperationsMin = 100_000_000
    /// Rows of a part, at least: sgemm copies its right operand for each.
    private static let productRowsMin = 200

    /// OpenBLAS is told to use one thread a call: what it divides among its own, it waits for by
    /// turning in a loop, and takes the core from the thread that reads ahead.
    private static let isSingleThreaded: Void = openblas_set_num_threads(1)

    /// `result = op(a)·op(b) + factor·result` for some rows; with the factor 0, `result` is not
    /// read.
    private static func multiply(
        _ a: Matrix, _ transposesA: Bool, _ b: Matrix, _ transposesB: Bool, rows: Range<Int>,
        addingTo factor: Float, _ result: UnsafeMutablePointer<Float>
    ) {
        let columns = transposesB ? b.rows : b.columns
        let inner = transposesA ? a.rows : a.columns
        guard !rows.isEmpty, columns > 0, inner > 0 else { return }
        _ = isSingleThreaded
        a.read { aValues in
            b.read { bValues in
                cblas_sgemm(
                    CblasRowMajor, transposesA ? CblasTrans : CblasNoTrans,
                    transposesB ? CblasTrans : CblasNoTrans,
                    Int32(rows.count), Int32(columns), Int32(inner), 1,
                    aValues + rows.lowerBound * (transposesA ? 1 : a.columns), Int32(a.columns),
                    bValues, Int32(b.columns), factor, result + rows.lowerBound * columns,
                    Int32(columns))
            }
        }
    }
}
