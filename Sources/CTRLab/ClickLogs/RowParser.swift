/// Takes a line apart into a row.
enum RowParser: Sendable {
    case columns(ColumnParser)
    case sparse(SparseParser)

    /// Reads the line in `row.bytes` into its labels and values.
    func parse(_ row: inout ClickRow) throws(MalformedLine) {
        row.labels.removeAll(keepingCapacity: true)
        row.values.removeAll(keepingCapacity: true)
        switch self {
        case .columns(let parser): try parser.parse(&row)
        case .sparse(let parser): try parser.parse(&row)
        }
    }
}
