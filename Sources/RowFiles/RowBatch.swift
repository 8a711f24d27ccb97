/// Some rows of a file: ids, and for each `dimension` floats, one row after the other.
public struct RowBatch: Sendable {
    public var ids: [UInt64] = []
    public var values: [Float] = []

    public init() {}

    public init(ids: [UInt64], values: [Float]) {
        self.ids = ids
        self.values = values
    }

    mutating func removeAll() {
        ids.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }
}
