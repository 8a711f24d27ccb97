/// How the rows of one log are divided.
public enum Split: Sendable, Hashable {
    /// The first rows are for training, the next for validation, the next for test: as shares that
    /// add up to at most 1. To count the rows the log is read once.
    case sequential(training: Double, validation: Double, test: Double)
    /// The same as numbers of rows; what is left over is not used.
    case sequentialRows(training: Int, validation: Int, test: Int)
    /// Each row by chance, with these probabilities, which add up to at most 1. The same seed
    /// divides the same log in the same way.
    case random(training: Double, validation: Double, test: Double, seed: UInt64)
}
