/// What models sum over the fields of an example, made from the rows of its ids at once: the
/// embeddings of all fields side by side would be as many times larger as there are fields.
extension Variable {
    /// For each example the weighted sum of the rows of all its ids, taken from some columns of
    /// these rows.
    ///
    /// - Parameters:
    ///   - bags: which rows, each being a row of this matrix.
    ///   - columns: which values of a row.
    /// - Returns: examples × columns.
    func summed(_ bags: FieldBags, columns range: Range<Int>) -> Variable {
        let rowWidth = columns
        let width = range.count
        var result = Matrix(zeros: bags.examples, width)
        result.write { result in
            value.read { rows in
                bags.forEachPart {
                    bags.forEachExample(of: $0) { example, cells in
                        let sum = result + example * width
                        for cell in cells {
                            let weight = bags.weight(of: cell)
                            let row = rows + Int(bags.rows[cell]) * rowWidth + range.lowerBound
                            for index in 0..<width { sum[index] += weight * row[index] }
                        }
                    }
                }
            }
        }
        return Variable(result, of: [self]) { [self] gradient in
            withGradient { total in
                total.write { total in
                    gradient.read { gradient in
                        bags.forEachExample(of: 0..<bags.examples) { example, cells in
                            let gradient = gradient + example * width
                            for cell in cells {
                                let weight = bags.weight(of: cell)
                                let target =
                                    total + Int(bags.rows[cell]) * rowWidth + range.lowerBound
                                for index in 0..<width {
                                    target[index] += weight * gradient[index]
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// ``biInteraction(fields:)`` of what ``gathered(_:columns:)`` gives.
    ///
    /// - Returns: examples × columns.
    func biInteraction(_ bags: FieldBags, columns range: Range<Int>) -> Variable {
        // Of a bag of several ids the sum would have to be kept.
        guard bags.offsets == nil else {
            return gathered(bags, columns: range).biInteraction(fields: bags.fields)
        }
        let rowWidth = columns
        let width = range.count
        var sums = Matrix(zeros: bags.examples, width)
        var result = Matrix(zeros: bags.examples, width)
        sums.write { sums in
            result.write { result in
                value.read { rows in
                    bags.forEachPart {
                        bags.forEachExample(of: $0) { example, cells in
                            let sum = sums + example * width
                            let squares = result + example * width
                            for cell in cells {
                                let weight = bags.weight(of: cell)
                                let row = rows + Int(bags.rows[cell]) * rowWidth + range.lowerBound
                                for index in 0..<width {
                                    let v = weight * row[index]
                                    sum[index] += v
                                    squares[index] += v * v
                                }
                            }
                            for index in 0..<width {
                                squares[index] = 0.5 * (sum[index] * sum[index] - squares[index])
                            }
                        }
                    }
                }
            }
        }
        return Variable(result, of: [self]) { [self] gradient in
            withGradient { total in
                total.write { total in
                    value.read { rows in
                        sums.read { sums in
                            gradient.read { gradient in
                                bags.forEachExample(of: 0..<bags.examples) { example, cells in
                                    let sum = sums + example * width
                                    let gradient = gradient + example * width
                                    for cell in cells {
                                        let weight = bags.weight(of: cell)
                                        let start =
                                            Int(bags.rows[cell]) * rowWidth + range.lowerBound
                                        let row = rows + start
                                        let target = total + start
                                        for index in 0..<width {
                                            target[index] +=
                                                weight * gradient[index]
                                                * (sum[index] - weight * row[index])
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
