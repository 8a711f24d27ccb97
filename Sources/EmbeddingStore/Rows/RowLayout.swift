/// Where the parts of a row's record lie.
///
/// ```
/// hot record    key 8 | meta 4 | last use 0 or 4 | scale 0 or 4 | optimizer state 2·s or 4·s
///               | (padding) | row
/// cold value    format 1 | epoch 1 | frequency 2 | last use 0 or 4 | scale 0 or 4
///               | optimizer state 2·s or 4·s | row
/// ```
/// Key, state and row are neighbours, so that a pull touches one short run of memory and a push no
/// other. float32 records are aligned to 16 bytes; the small precisions, where bytes matter more,
/// to 4. The time of the last use is there in tables whose rows do not live for ever.
struct RowLayout: Sendable {
    let dimension: Int
    let stateCount: Int
    let precision: Precision
    let statePrecision: Precision
    let keepsLastUse: Bool

    let scaleOffset: Int
    let stateOffset: Int
    let rowOffset: Int
    let stride: Int

    static let metaOffset = 8
    static let lastUseOffset = 12

    init(
        dimension: Int, stateCount: Int, precision: Precision,
        statePrecision: Precision = .float32, keepsLastUse: Bool = false
    ) {
        self.dimension = dimension
        self.stateCount = stateCount
        self.precision = precision
        self.statePrecision = statePrecision
        self.keepsLastUse = keepsLastUse
        let alignment = precision == .float32 ? 16 : 4
        scaleOffset = Self.lastUseOffset + (keepsLastUse ? 4 : 0)
        stateOffset = scaleOffset + precision.scaleBytes
        let stateBytes = stateCount * statePrecision.elementBytes
        rowOffset = (stateOffset + stateBytes).roundedUp(toMultipleOf: alignment)
        stride = (rowOffset + dimension * precision.elementBytes).roundedUp(toMultipleOf: alignment)
    }

    /// Of the hot rows of a table.
    init(_ schema: TableSchema) {
        self.init(
            dimension: schema.rowDimension,
            stateCount: schema.optimizer.stateCount(dimension: schema.rowDimension),
            precision: schema.hotPrecision, statePrecision: schema.statePrecision,
            keepsLastUse: schema.timeToLive > 0)
    }

    var rowBytes: Int { dimension * precision.elementBytes }
    var stateBytes: Int { stateCount * statePrecision.elementBytes }

    /// Floats that work on one row needs beside it: the row, two more of its size, and the state.
    var scratchCount: Int { 3 * dimension + stateCount }
}

extension Int {
    /// The least multiple of `unit`, a positive number, that is not below self.
    @inline(__always)
    func roundedUp(toMultipleOf unit: Int) -> Int { (self + unit - 1) / unit * unit }
}
