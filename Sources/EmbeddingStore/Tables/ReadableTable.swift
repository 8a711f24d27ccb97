/// A table as it is read: what answers pulls and pools, from a store or from a packed file.
///
/// Reads come in two halves, as ``Table`` says.
public protocol ReadableTable: Sendable {
    var name: String { get }
    var number: UInt32 { get }
    var schema: TableSchema { get }
    /// Rows in the table.
    var count: Int { get }

    func statistics() -> TableStatistics

    /// Rows by field; nil where there is nothing to tell them apart by. May take long.
    func fieldStatistics() -> FieldStatistics?

    /// Writes the rows of the ids that are in memory and returns the positions of the others. Throws
    /// `readOnly` for `create` where nothing is created.
    func pullHot(
        _ ids: UnsafeRawBufferPointer, create: Bool, into output: RowOutput, found: FoundBits?
    ) throws(StoreError) -> [UInt32]

    /// Writes the rows at the positions that `pullHot` returned. Blocks.
    func pullCold(
        _ ids: UnsafeRawBufferPointer, missing: [UInt32], create: Bool, into output: RowOutput,
        found: FoundBits?
    ) throws(StoreError)
}

extension Table: ReadableTable {}
