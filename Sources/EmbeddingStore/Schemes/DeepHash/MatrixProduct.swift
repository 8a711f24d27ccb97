internal import COpenBLAS

/// Products of row-major matrices of floats by sgemm.
///
/// OpenBLAS is told to use one thread a call: requests run in parallel already, and a call that
/// takes all cores makes the others wait.
enum MatrixProduct {
    /// A matrix `[rows][columns]`, or its transpose.
    @unsafe struct Operand {
        let values: UnsafePointer<Float>
        /// Floats from one row to the next, as it lies in memory.
        let columns: Int
        var isTransposed = false
    }

    private static let isSingleThreaded: Void = openblas_set_num_threads(1)

    /// `result = a · b`, or with `adding` `result += a · b`, where `result` is `[rows][columns]`
    /// and `inner` are the columns of a. The result must overlap neither.
    static func multiply(
        _ a: Operand, _ b: Operand, rows: Int, columns: Int, inner: Int, adding: Bool = false,
        into result: UnsafeMutablePointer<Float>
    ) {
        _ = isSingleThreaded
        unsafe cblas_sgemm(
            CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans,
            b.isTransposed ? CblasTrans : CblasNoTrans, Int32(rows), Int32(columns), Int32(inner),
            1, a.values, Int32(a.columns), b.values, Int32(b.columns), adding ? 1 : 0, result,
            Int32(columns))
    }

    /// Whether `a · bᵀ` comes out the same for `rows` equal rows of a, bit for bit: then it does not
    /// matter in which of them one stands.
    static func treatsRowsAlike(_ rows: Int, columns: Int, inner: Int) -> Bool {
        let numbers = KeyHash(salt: 0)
        func random(_ count: Int, from start: Int) -> [Float] {
            (0..<count).map { Float(Int32(truncatingIfNeeded: numbers(UInt64(start + $0)))) }
        }
        let row = random(inner, from: 0)
        let a = (0..<rows).flatMap { _ in row }
        let b = random(columns * inner, from: inner)
        var result = [Float](repeating: 0, count: rows * columns)
        // None of them is empty, so all have addresses.
        unsafe a.withUnsafeBufferPointer { a in
            unsafe b.withUnsafeBufferPointer { b in
                unsafe result.withUnsafeMutableBufferPointer { result in
                    unsafe multiply(
                        .init(values: a.baseAddress!, columns: inner),
                        .init(values: b.baseAddress!, columns: inner, isTransposed: true),
                        rows: rows, columns: columns, inner: inner, into: result.baseAddress!)
                }
            }
        }
        return result.indices.allSatisfy { result[$0] == result[$0 % columns] }
    }
}
