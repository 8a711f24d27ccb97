internal import CKernels

/// Sums over columns, and what is done to all rows alike; each is one pass over the matrix.
extension Matrix {
    /// The sum of each column, one row.
    func columnSums() -> Matrix {
        read { values in
            columnSums { sums, row in tc_add(sums, values + row * columns, columns) }
        }
    }

    /// The inner product of each column with the same column of `other`, one row.
    func columnDots(_ other: Matrix) -> Matrix {
        precondition(rows == other.rows && columns == other.columns)
        return read { values in
            other.read { other in
                columnSums { sums, row in
                    let (values, other) = (values + row * columns, other + row * columns)
                    for column in 0..<columns { sums[column] += values[column] * other[column] }
                }
            }
        }
    }

    /// The sum of the squared distances of each column's values from one number, one row.
    func columnSquares(around center: Matrix) -> Matrix {
        precondition(center.rows == 1 && center.columns == columns)
        return read { values in
            center.read { center in
                columnSums { sums, row in
                    let values = values + row * columns
                    for column in 0..<columns {
                        let distance = values[column] - center[column]
                        sums[column] += distance * distance
                    }
                }
            }
        }
    }

    /// The sums that `add` makes when called with each row.
    private func columnSums(
        _ add: (_ sums: UnsafeMutablePointer<Float>, _ row: Int) -> Void
    ) -> Matrix {
        // Each part has sums of its own, added in the order of the parts.
        let least = Self.partValues / max(columns, 1) + 1
        let length = Parallel.partLength(of: rows, least: least)
        var parts = Matrix(zeros: max(1, (rows + length - 1) / length), columns)
        parts.write { sums in
            Parallel.forEachPart(of: rows, least: least) { rows in
                for row in rows { add(sums + rows.lowerBound / length * columns, row) }
            }
        }
        return parts.rows == 1 ? parts : parts.columnSums()
    }

    /// Each column multiplied by the value of the row `factors` above it, then the value of the
    /// row `addends` added.
    func scaledColumns(by factors: Matrix, plus addends: Matrix) -> Matrix {
        precondition(factors.rows == 1 && factors.columns == columns)
        precondition(addends.rows == 1 && addends.columns == columns)
        let columns = columns
        return Matrix(rows, columns) { result in
            read { values in
                factors.read { factors in
                    addends.read { addends in
                        forEachRows { rows in
                            for row in rows {
                                let target = result + row * columns
                                let source = values + row * columns
                                for column in 0..<columns {
                                    target[column] =
                                        source[column] * factors[column] + addends[column]
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// What `combine` makes of each value, that of the row `other` above it being the second.
    func withRow(_ other: Matrix, _ combine: (Float, Float) -> Float) -> Matrix {
        precondition(rows == 1 && other.rows == 1 && columns == other.columns)
        return Matrix(1, columns, zip(values, other.values).map(combine))
    }
}
