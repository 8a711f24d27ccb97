/// What the training rows say about a field of numbers.
struct NumberStatistics {
    var sketch = QuantileSketch()
    private(set) var least = Float.infinity
    private(set) var largest = -Float.infinity
    /// Labels by value, for trees; counted in a second reading, when the quantiles are known.
    var labels: LabelHistogram?

    mutating func add(_ x: Float) {
        sketch.add(x)
        least = min(least, x)
        largest = max(largest, x)
    }
}
