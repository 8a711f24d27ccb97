/// Sums over columns, and what is done to all rows alike; each is one pass over the matrix.
extension Matrix {
    /// The sum of each column, one row.
    func columnSums() -> Matrix { columnSums { values, _ in values } }

    /// The inner product of each column with the same column of `other`, one row.
    func columnDots(_ other: Matrix) -> Matrix {
        precondition(rows == other.rows && columns == other.columns)
        return other.read { other in columnSums { $0 * other[$1] } }
    }

    /// The sum of the squared distances of each column's values from one number, one row.
    func columnSquares(around center: Matrix) -> Matrix {
        precondition(center.rows == 1 && center.columns == columns)
        let columns = columns
        return center.read { center in
            columnSums { value, index in
                let distance = value - center[index % columns]
                return distance * distance
            }
        }
    }

    /// The sum over each column of what `term` makes of a value and its place in the matrix.
    @inline(__always)
    private func columnSums(_ term: (_ value: Float, _ index: Int) -> Float) -> Matrix {
        var sums = Matrix(zeros: 1, columns)
        let (rows, columns) = (rows, columns)
        sums.write { sums in
            read { values in
                for row in 0..<rows {
                    let start = row * columns
                    for column in 0..<columns {
                        sums[column] += term(values[start + column], start + column)
                    }
                }
            }
        }
        return sums
    }

    /// Each column multiplied by the value of the row `factors` above it, then the value of the
    /// row `addends` added.
    func scaledColumns(by factors: Matrix, plus addends: Matrix) -> Matrix {
        precondition(factors.rows == 1 && factors.columns == columns)
        precondition(addends.rows == 1 && addends.columns == columns)
        let (rows, columns) = (rows, columns)
        return Matrix(rows, columns) { result in
            read { values in
                factors.read { factors in
                    addends.read { addends in
                        for row in 0..<rows {
                            let target = result + row * columns
                            let source = values + row * columns
                            for column in 0..<columns {
                                target[column] = source[column] * factors[column] + addends[column]
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
