internal import COpenBLAS

/// Products of row-major matrices of floats by sgemm.
///
/// OpenBLAS is told to use one thread a call: requests run in parallel already, and a call that takes
/// all cores makes the others wait.
enum MatrixProduct {
    /// A matrix `[rows][columns]`, or its transpose.
    @unsafe struct Operand {
        let values: UnsafePointer<Float>
        /// Floats from one row to the next, as it lies in memory.
        let columns: Int
        var isTransposed = false
    }

    private static let isSingleThreaded: Void = openblas_set_num_threads(1)

    /// `result = a · b`, or with `adding` `result += a · b`, where `result` is `[rows][columns]` and
    /// `inner` are the columns of a. The result must overlap neither.
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
}
