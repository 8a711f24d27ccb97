/// Where rows lie in the body of a reply, and how many bytes they take.
package struct RowsLayout: Hashable, Sendable {
    package let rows: Int
    package let dimension: Int
    package let format: RowFormat
    /// Whether a bit for each row follows them, set when the id has a row.
    package let hasFound: Bool

    /// At most 2^32 rows of 4096 values.
    package init(rows: Int, dimension: Int, format: RowFormat, hasFound: Bool) {
        self.rows = rows
        self.dimension = dimension
        self.format = format
        self.hasFound = hasFound
    }

    /// Bytes of the rows, scales included; the found bits begin after them.
    package var rowBytes: Int { format.byteCount(rows: rows, dimension: dimension) }

    package var foundBytes: Int { hasFound ? (rows + 7) / 8 : 0 }

    /// Bytes of the whole body.
    package var byteCount: Int { rowBytes + foundBytes }
}
