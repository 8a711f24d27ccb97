internal import CKernels

/// What rounding rows to fewer bits than float32 has cost since the store was opened, in elements
/// of rows. Rows that stay in float32 are not counted.
public struct RoundingStatistics: Sendable, Hashable, Codable {
    /// Encoded by pushes, assigns, and moves to a tier of smaller precision.
    public var written = 0
    /// Of these, outside the range and written as its end: beyond ±65504 in float16. The scale of an
    /// int16 or int8 row always reaches its largest value, so there it takes a step that overflowed
    /// float32 itself.
    public var clipped = 0
    /// Stepped by a push by other than 0.
    public var moved = 0
    /// Of these, left by the rounding as they had been. It is unbiased: they make up for it on
    /// average, but where this is most of them a row mostly stands still and now and then jumps.
    public var vanished = 0

    public init() {}

    public var clippedShare: Double { written == 0 ? 0 : Double(clipped) / Double(written) }
    public var vanishedShare: Double { moved == 0 ? 0 : Double(vanished) / Double(moved) }

    static func += (total: inout RoundingStatistics, part: RoundingStatistics) {
        total.written += part.written
        total.clipped += part.clipped
        total.moved += part.moved
        total.vanished += part.vanished
    }

    /// Counts a row that was stepped from `before` to `stepped` and is kept as `stored`.
    @inline(__always)
    mutating func countStep(
        from before: UnsafePointer<Float>, to stepped: UnsafePointer<Float>,
        stored: UnsafePointer<Float>, count: Int, _ precision: Precision
    ) {
        let losses = unsafe tc_count_losses(before, stepped, stored, count, precision.largest)
        written += count
        clipped += losses.clipped
        moved += losses.moved
        vanished += losses.vanished
    }

    /// Counts a row that is encoded as it is.
    @inline(__always)
    mutating func countWrite(_ row: UnsafePointer<Float>, count: Int, _ precision: Precision) {
        written += count
        clipped += unsafe tc_count_losses(row, row, row, count, precision.largest).clipped
    }
}
