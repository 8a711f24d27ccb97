/// Lines of LIBFFM, `label field:index:value …`, and LIBSVM, `label index:value …`.
struct SparseParser: Sendable {
    /// Whether features name their field; else their place in the line is it.
    let namesFields: Bool
    let fieldCount: Int

    /// Fields that a file may have: a number beyond is damage, not a field.
    static let fieldsMax = 1 << 16

    func parse(_ row: inout ClickRow) throws(MalformedLine) {
        var next = 0
        guard let label = Self.word(row.bytes, from: &next) else {
            throw MalformedLine(reason: "the line is empty")
        }
        row.labels.append(try row.label(in: label, signed: true, "of the line"))
        while let word = Self.word(row.bytes, from: &next) {
            row.values.append(try feature(word, &row))
        }
        if namesFields { return }
        // A field that the line does not reach is missing.
        for field in row.values.count..<max(fieldCount, row.values.count) {
            row.values.append(.init(field: field, text: 0..<0, number: 1))
        }
    }

    private func feature(
        _ word: Range<Int>, _ row: inout ClickRow
    ) throws(MalformedLine) -> ClickRow.Value {
        let colon = UInt8(ascii: ":")
        let parts = row.bytes[word].split(
            separator: colon, maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == (namesFields ? 3 : 2) else {
            throw MalformedLine(
                reason:
                    "\(text(word, row)) is not \(namesFields ? "field:index:value" : "index:value")"
            )
        }
        let field: Int
        if namesFields {
            let name = String(decoding: parts[0], as: UTF8.self)
            guard let number = Int(name), (0..<Self.fieldsMax).contains(number) else {
                throw MalformedLine(reason: "\(text(word, row)): the field is no number")
            }
            field = number
        } else {
            field = row.values.count
        }
        guard field < fieldCount else {
            throw MalformedLine(reason: "field \(field), where there are \(fieldCount) fields")
        }
        let index = parts[parts.count - 2].indices
        guard !index.isEmpty else { throw MalformedLine(reason: "\(text(word, row)): no index") }
        let number = try row.number(in: parts[parts.count - 1].indices, "a feature's value")
        return .init(field: field, text: index, number: number)
    }

    private func text(_ word: Range<Int>, _ row: ClickRow) -> String {
        String(decoding: row.bytes[word], as: UTF8.self).debugDescription
    }

    /// The next word between spaces or tabs.
    private static func word(_ bytes: [UInt8], from next: inout Int) -> Range<Int>? {
        func isSpace(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
        }
        while next < bytes.count, isSpace(bytes[next]) { next += 1 }
        guard next < bytes.count else { return nil }
        let start = next
        while next < bytes.count, !isSpace(bytes[next]) { next += 1 }
        return start..<next
    }
}
