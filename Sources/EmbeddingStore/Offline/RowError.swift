/// How far rows are from what they were.
public struct RowError: Sendable {
    public private(set) var rows = 0
    private var elements = 0
    private var squaredErrors = 0.0
    private var squares = 0.0
    /// The largest of one element.
    public private(set) var largest = 0.0
    private var clipped = 0

    /// Root of the mean squared error of an element.
    public var rms: Double { elements == 0 ? 0 : (squaredErrors / Double(elements)).squareRoot() }

    /// Root of the sum of squared errors over the sum of squares.
    public var relative: Double { squares == 0 ? 0 : (squaredErrors / squares).squareRoot() }

    /// Share of elements that were outside of the range of their precision.
    public var clippedShare: Double { elements == 0 ? 0 : Double(clipped) / Double(elements) }

    /// Compares a row with what is there in its place; elements beyond `limit` count as clipped.
    mutating func add(_ row: [Float], stored: [Float], limit: Float = .infinity) {
        var errors: Float = 0
        var sum: Float = 0
        var worst: Float = 0
        var outside = 0
        unsafe row.withUnsafeBufferPointer { row in
            unsafe stored.withUnsafeBufferPointer { stored in
                for at in 0..<row.count {
                    let value = unsafe row[at]
                    let error = unsafe (value - stored[at]).magnitude
                    errors += error * error
                    sum += value * value
                    worst = max(worst, error)
                    if value.magnitude > limit { outside += 1 }
                }
            }
        }
        rows += 1
        elements += row.count
        squaredErrors += Double(errors)
        squares += Double(sum)
        largest = max(largest, Double(worst))
        clipped += outside
    }

    static func += (total: inout RowError, part: RowError) {
        total.rows += part.rows
        total.elements += part.elements
        total.squaredErrors += part.squaredErrors
        total.squares += part.squares
        total.largest = max(total.largest, part.largest)
        total.clipped += part.clipped
    }
}
