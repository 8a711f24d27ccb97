import Testing

extension RandomAccessCollection<Float> where Index == Int {
    /// Whether these are all one number.
    func allAre(_ value: Float) -> Bool { allSatisfy { $0 == value } }
}

/// Says where rows differ from what they should be, without printing them all.
func expectRows(
    _ rows: [Float], _ expected: [Float], _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let isSame = rows == expected
    let first = zip(rows, expected).enumerated().first { $0.element.0 != $0.element.1 }
    #expect(
        isSame, "\(comment.map(String.init(describing:)) ?? "") first difference: \(String(describing: first))",
        sourceLocation: sourceLocation)
}

func expectAll(
    _ rows: [Float], are value: Float, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    expectRows(rows, Array(repeating: value, count: rows.count), comment, sourceLocation: sourceLocation)
}
