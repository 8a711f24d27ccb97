/// Where the parts of a row's record lie.
///
/// ```
/// hot record    key 8 | meta 4 | scale 0 or 4 | optimizer state 4·s | (padding) | row
/// cold value    format 1 | epoch 1 | frequency 2 | scale 0 or 4 | optimizer state 4·s | row
/// ```
/// Key, state and row are neighbours, so that a pull touches one short run of memory and a push no
/// other. float32 records are aligned to 16 bytes; the small precisions, where bytes matter more,
/// to 4.
struct RowLayout: Sendable {
    let dimension: Int
    let stateCount: Int
    let precision: Precision

    let stateOffset: Int
    let rowOffset: Int
    let stride: Int

    static let metaOffset = 8
    static let scaleOffset = 12

    init(dimension: Int, stateCount: Int, precision: Precision) {
        self.dimension = dimension
        self.stateCount = stateCount
        self.precision = precision
        let alignment = precision == .float32 ? 16 : 4
        stateOffset = Self.scaleOffset + precision.scaleBytes
        rowOffset = (stateOffset + stateCount * 4).roundedUp(toMultipleOf: alignment)
        stride = (rowOffset + dimension * precision.elementBytes).roundedUp(toMultipleOf: alignment)
    }

    /// Of the hot rows of a table.
    init(_ schema: TableSchema) {
        self.init(
            dimension: schema.rowDimension,
            stateCount: schema.optimizer.stateCount(dimension: schema.rowDimension),
            precision: schema.hotPrecision)
    }

    var rowBytes: Int { dimension * precision.elementBytes }
}

extension Int {
    /// The least multiple of `unit`, a positive number, that is not below self.
    @inline(__always)
    func roundedUp(toMultipleOf unit: Int) -> Int { (self + unit - 1) / unit * unit }
}
