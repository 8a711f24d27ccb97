internal import EmbeddingStore

extension FieldStatistics {
    /// A line for each field that is listed, and one for the others.
    var text: String {
        let all = listed + (otherFields > 0 ? [others] : [])
        func count(_ number: Int?) -> String { number.map { Units.count(UInt64($0)) } ?? "" }
        var table = TextTable(
            header: ["FIELD", "ROWS", "USES", "OWNERS", "CANDIDATES"], numbers: [1, 2, 3, 4])
        for figures in all {
            table.add(
                figures.field.map { "\($0)" } ?? "\(otherFields) others", count(figures.rows),
                count(figures.uses), count(figures.owners), count(figures.candidates))
        }
        if sharedRows > 0 { table.add("shared", count(sharedRows)) }
        return table.text
    }
}
