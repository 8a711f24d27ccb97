extension Variable {
    /// Each column with its mean taken away and divided by its deviation, over the rows of the
    /// batch (Ioffe and Szegedy, ICML 2015):
    ///
    ///     x̂ = (x − μ) / √(σ² + ε)
    ///     ∂x = (∂x̂ − mean(∂x̂) − x̂ · mean(∂x̂ · x̂)) / √(σ² + ε)
    ///
    /// - Returns: the result, and mean and (biased) variance of each column.
    func normalizedColumns(epsilon: Float) -> (result: Variable, mean: Matrix, variance: Matrix) {
        let rows = Float(rows)
        var mean = value.columnSums()
        for column in 0..<columns { mean.values[column] /= rows }
        var centered = value
        centered.addToRows(mean, times: -1)
        var variance = centered.squared().columnSums()
        for column in 0..<columns { variance.values[column] /= rows }
        let factors = variance.reciprocalRoots(epsilon: epsilon)
        let normalized = centered.scaledColumns(by: factors)
        let result = Variable(normalized, of: [self]) { [self] gradient in
            var gradientMean = gradient.columnSums()
            var productMean = gradient.mapped { count, gradient, result in
                normalized.read { x in
                    for index in 0..<count { result[index] = gradient[index] * x[index] }
                }
            }.columnSums()
            for column in 0..<columns {
                gradientMean.values[column] /= rows
                productMean.values[column] /= rows
            }
            var sum = gradient
            sum.addToRows(gradientMean, times: -1)
            sum.add(normalized.scaledColumns(by: productMean), times: -1)
            addGradient(sum.scaledColumns(by: factors))
        }
        return (result, mean, variance)
    }

    /// Each column multiplied by the value of the row `factors` above it.
    func scaledColumns(by factors: Variable) -> Variable {
        precondition(factors.rows == 1 && factors.columns == columns)
        let scaled = value.scaledColumns(by: factors.value)
        return Variable(scaled, of: [self, factors]) { [self] gradient in
            if needsGradient { addGradient(gradient.scaledColumns(by: factors.value)) }
            factors.withGradient { total in
                let products = gradient.mapped { count, gradient, result in
                    value.read { x in
                        for index in 0..<count { result[index] = gradient[index] * x[index] }
                    }
                }
                total.add(products.columnSums())
            }
        }
    }
}

extension Matrix {
    func squared() -> Matrix {
        mapped { count, x, result in for index in 0..<count { result[index] = x[index] * x[index] }
        }
    }

    /// `1 / √(x + ε)`
    func reciprocalRoots(epsilon: Float) -> Matrix {
        mapped { count, x, result in
            for index in 0..<count { result[index] = 1 / (x[index] + epsilon).squareRoot() }
        }
    }

    /// Each column multiplied by the value of the row `factors` above it.
    func scaledColumns(by factors: Matrix) -> Matrix {
        let (rows, columns) = (rows, columns)
        return Matrix(rows, columns) { result in
            read { values in
                factors.read { factors in
                    for row in 0..<rows {
                        let start = row * columns
                        for column in 0..<columns {
                            result[start + column] = values[start + column] * factors[column]
                        }
                    }
                }
            }
        }
    }

    /// Adds a row, times a factor, to each row.
    mutating func addToRows(_ row: Matrix, times factor: Float) {
        precondition(row.rows == 1 && row.columns == columns)
        let (rows, columns) = (rows, columns)
        write { values in
            row.read { addend in
                for row in 0..<rows {
                    let target = values + row * columns
                    for column in 0..<columns { target[column] += factor * addend[column] }
                }
            }
        }
    }
}
