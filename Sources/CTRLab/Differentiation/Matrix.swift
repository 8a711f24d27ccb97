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

    /// A matrix of the same shape whose values `fill` makes out of these.
    func mapped(
        _ fill: (
            _ count: Int, _ values: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>
        )
            -> Void
    ) -> Matrix {
        Matrix(rows, columns) { result in
            read { fill(values.count, $0, result) }
        }
    }

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
        result.write { multiply(a, leftTransposed, b, rightTransposed, addingTo: 1, $0) }
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
        ) { multiply(a, leftTransposed, b, rightTransposed, addingTo: 0, $0) }
    }

    /// `result = op(a)·op(b) + factor·result`; with the factor 0, `result` is not read.
    private static func multiply(
        _ a: Matrix, _ transposesA: Bool, _ b: Matrix, _ transposesB: Bool,
        addingTo factor: Float, _ result: UnsafeMutablePointer<Float>
    ) {
        let rows = transposesA ? a.columns : a.rows
        let columns = transposesB ? b.rows : b.columns
        let inner = transposesA ? a.rows : a.columns
        precondition(inner == (transposesB ? b.columns : b.rows), "inner dimensions")
        guard rows > 0, columns > 0, inner > 0 else { return }
        a.read { aValues in
            b.read { bValues in
                cblas_sgemm(
                    CblasRowMajor, transposesA ? CblasTrans : CblasNoTrans,
                    transposesB ? CblasTrans : CblasNoTrans,
                    Int32(rows), Int32(columns), Int32(inner), 1, aValues, Int32(a.columns),
                    bValues, Int32(b.columns), factor, result, Int32(columns))
            }
        }
    }
}
