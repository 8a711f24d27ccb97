extension Variable {
    /// `A·B`
    public func times(_ other: Variable) -> Variable {
        Variable(Matrix.product(value, other.value), of: [self, other]) { [self] gradient in
            addGradient(gradient, times: other.value, rightTransposed: true)
            other.addGradient(value, leftTransposed: true, times: gradient)
        }
    }

    /// `A·W + 1·b`: the row `b` added to each row of the product; with `rectified` `max(A·W + 1·b,
    /// 0)`, in one pass less than with ``relu()`` behind it.
    public func affine(
        _ weights: Variable, _ bias: Variable, rectified: Bool = false
    ) -> Variable {
        let result = Matrix.product(
            value, weights.value, plusRow: bias.value, rectified: rectified)
        return Variable(result, of: [self, weights, bias]) { [self] gradient in
            let gradient = rectified ? gradient.masked(by: result) : gradient
            addGradient(gradient, times: weights.value, rightTransposed: true)
            weights.addGradientLater(value, leftTransposed: true, times: gradient)
            if bias.needsGradient { bias.addGradient(gradient.columnSums()) }
        }
    }

    /// `A + B` of equal shapes.
    public static func + (left: Variable, right: Variable) -> Variable {
        var sum = left.value
        sum.add(right.value)
        return Variable(sum, of: [left, right]) { gradient in
            left.addGradient(gradient)
            right.addGradient(gradient)
        }
    }

    /// `A + 1·b`: the row `b` added to each row.
    public func plusRow(_ row: Variable) -> Variable {
        precondition(row.rows == 1 && row.columns == columns)
        let (rows, columns) = (rows, columns)
        let sum = Matrix(rows, columns) { result in
            value.read { values in
                row.value.read { row in
                    for index in 0..<rows {
                        let start = index * columns
                        for column in 0..<columns {
                            result[start + column] = values[start + column] + row[column]
                        }
                    }
                }
            }
        }
        return Variable(sum, of: [self, row]) { [self] gradient in
            addGradient(gradient)
            if row.needsGradient { row.addGradient(gradient.columnSums()) }
        }
    }

    /// `A ⊙ B`, value by value.
    public static func * (left: Variable, right: Variable) -> Variable {
        func product(_ a: Matrix, _ b: Matrix) -> Matrix {
            precondition(a.rows == b.rows && a.columns == b.columns)
            return a.mapped { range, a, result in
                b.read { b in for index in range { result[index] = a[index] * b[index] } }
            }
        }
        return Variable(product(left.value, right.value), of: [left, right]) { gradient in
            if left.needsGradient { left.addGradient(product(gradient, right.value)) }
            if right.needsGradient { right.addGradient(product(gradient, left.value)) }
        }
    }

    /// `c ⊙ A`: row i multiplied by the i-th value of the column `c`.
    public func scaledRows(by column: Variable) -> Variable {
        precondition(column.rows == rows && column.columns == 1)
        func scaled(_ matrix: Matrix) -> Matrix {
            let width = matrix.columns
            return matrix.mapped { range, values, result in
                column.value.read { factors in
                    for row in range.lowerBound / max(width, 1)..<range.upperBound / max(width, 1) {
                        let factor = factors[row]
                        for index in row * width..<(row + 1) * width {
                            result[index] = factor * values[index]
                        }
                    }
                }
            }
        }
        return Variable(scaled(value), of: [self, column]) { [self] gradient in
            if needsGradient { addGradient(scaled(gradient)) }
            column.withGradient { $0.add(Matrix.rowDots(gradient, value)) }
        }
    }

    /// `factor·A`
    public func scaled(by factor: Float) -> Variable {
        Variable(value.scaled(by: factor), of: [self]) { [self] in
            addGradient($0.scaled(by: factor))
        }
    }

    /// The sum of each row, one column.
    public func rowSums() -> Variable {
        let ones = Matrix(columns, 1, [Float](repeating: 1, count: columns))
        return Variable(Matrix.product(value, ones), of: [self]) { [self] gradient in
            addGradient(gradient, times: ones, rightTransposed: true)
        }
    }
}

extension Matrix {
    /// Each value where the other matrix is above 0, else 0.
    func masked(by other: Matrix) -> Matrix {
        precondition(rows == other.rows && columns == other.columns)
        return mapped { range, values, result in
            other.read { other in
                for index in range {
                    // Read in any case, so that there is no branch to guess.
                    let value = values[index]
                    result[index] = other[index] > 0 ? value : 0
                }
            }
        }
    }

    /// `factor·A`
    func scaled(by factor: Float) -> Matrix {
        mapped { range, values, result in
            for index in range { result[index] = factor * values[index] }
        }
    }

    /// The inner product of each row of `a` with the same row of `b`, one column.
    static func rowDots(_ a: Matrix, _ b: Matrix) -> Matrix {
        precondition(a.rows == b.rows && a.columns == b.columns)
        let (rows, columns) = (a.rows, a.columns)
        return Matrix(rows, 1) { result in
            a.read { a in
                b.read { b in
                    for row in 0..<rows {
                        result[row] = dot(a + row * columns, b + row * columns, columns)
                    }
                }
            }
        }
    }

    /// Eight sums at a time, because the compiler may not reorder one.
    @inline(__always)
    static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
        var sums = SIMD8<Float>.zero
        let whole = count & ~7
        for index in stride(from: 0, to: whole, by: 8) {
            let left = UnsafeRawPointer(a + index).loadUnaligned(as: SIMD8<Float>.self)
            let right = UnsafeRawPointer(b + index).loadUnaligned(as: SIMD8<Float>.self)
            sums += left * right
        }
        var sum = sums.sum()
        for index in whole..<count { sum += a[index] * b[index] }
        return sum
    }
}
