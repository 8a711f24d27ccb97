/// Rows of words in columns that line up.
struct TextTable {
    private var rows: [[String]] = []
    /// Columns whose words end at the same place, as numbers do.
    private let rightAligned: Set<Int>

    /// - Parameter numbers: columns of numbers, the first being 0.
    init(header: [String] = [], numbers: Set<Int> = []) {
        rightAligned = numbers
        if !header.isEmpty { rows.append(header) }
    }

    mutating func add(_ cells: String...) {
        rows.append(cells)
    }

    mutating func add(_ cells: [String]) {
        rows.append(cells)
    }

    /// The rows as lines, without a line end after the last.
    var text: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                if column > 0 { line += "  " }
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += rightAligned.contains(column) ? padding + cell : cell + padding
            }
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}
