extension Variable {
    /// For each example and field the weighted sum of the rows of its ids, taken from some columns
    /// of these rows.
    ///
    /// - Parameters:
    ///   - bags: which rows, each being a row of this matrix.
    ///   - columns: which values of a row.
    /// - Returns: examples × (fields · columns); zeros for a field without ids.
    func gathered(_ bags: FieldBags, columns range: Range<Int>) -> Variable {
        let rowWidth = columns
        let width = range.count
        let result = Matrix(bags.examples, bags.fields * width) { result in
            value.read { rows in
                bags.forEachPart {
                    bags.forEachBag(of: $0) { bag, cells in
                        let target = result + bag * width
                        guard let first = cells.first else {
                            target.update(repeating: 0, count: width)
                            return
                        }
                        let weight = bags.weight(of: first)
                        let row = rows + Int(bags.rows[first]) * rowWidth + range.lowerBound
                        for index in 0..<width { target[index] = weight * row[index] }
                        for cell in cells.dropFirst() {
                            let weight = bags.weight(of: cell)
                            let row = rows + Int(bags.rows[cell]) * rowWidth + range.lowerBound
                            for index in 0..<width { target[index] += weight * row[index] }
                        }
                    }
                }
            }
        }
        return Variable(result, of: [self]) { [self] gradient in
            withGradient { total in
                total.write { total in
                    gradient.read { gradient in
                        bags.forEachBag(of: 0..<bags.examples) { bag, cells in
                            let source = gradient + bag * width
                            for cell in cells {
                                let weight = bags.weight(of: cell)
                                let target =
                                    total + Int(bags.rows[cell]) * rowWidth + range.lowerBound
                                for index in 0..<width { target[index] += weight * source[index] }
                            }
                        }
                    }
                }
            }
        }
    }
}
