/// The rows of a pool request on their way to being combined; some may still be on disk.
public final class PoolRows: @unchecked Sendable {
    // Handed from one thread to the next, never used by two; a class, so that it is not copied.
    var rows: [Float]
    var missing: [UInt32] = []

    init(count: Int) { rows = [Float](repeating: 0, count: count) }

    /// Whether all rows are here, so that the bags can be combined.
    public var isComplete: Bool { missing.isEmpty }
}
