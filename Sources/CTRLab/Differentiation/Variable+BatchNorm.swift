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
        let mean = value.columnSums().mapped { $0 / rows }
        let variance = value.columnSquares(around: mean).mapped { $0 / rows }
        let factors = variance.mapped { 1 / ($0 + epsilon).squareRoot() }
        let shifts = mean.withRow(factors) { -$0 * $1 }
        let normalized = value.scaledColumns(by: factors, plus: shifts)
        let result = Variable(normalized, of: [self]) { [self] gradient in
            let gradientMean = gradient.columnSums().mapped { $0 / rows }
            let productMean = gradient.columnDots(normalized).mapped { $0 / rows }
            addGradient(
                gradient.batchNormGradient(
                    normalized, gradientMean: gradientMean, productMean: productMean,
                    factors: factors))
        }
        return (result, mean, variance)
    }

    /// `γ ⊙ x + β`: each column multiplied by the value of the row `factors` above it, and the value
    /// of the row `addends` added.
    func scaledColumns(by factors: Variable, plus addends: Variable) -> Variable {
        let scaled = value.scaledColumns(by: factors.value, plus: addends.value)
        return Variable(scaled, of: [self, factors, addends]) { [self] gradient in
            if needsGradient {
                let zeros = Matrix(zeros: 1, columns)
                addGradient(gradient.scaledColumns(by: factors.value, plus: zeros))
            }
            if factors.needsGradient { factors.addGradient(gradient.columnDots(value)) }
            if addends.needsGradient { addends.addGradient(gradient.columnSums()) }
        }
    }
}

extension Matrix {
    /// A matrix of the same shape with `transform` of each value.
    fileprivate func mapped(_ transform: (Float) -> Float) -> Matrix {
        Matrix(rows, columns, values.map(transform))
    }

    /// `(∂x̂ − mean(∂x̂) − x̂ · mean(∂x̂ · x̂)) · factor` of this gradient, in one pass.
    fileprivate func batchNormGradient(
        _ normalized: Matrix, gradientMean: Matrix, productMean: Matrix, factors: Matrix
    ) -> Matrix {
        let columns = columns
        return Matrix(rows, columns) { result in
            read { gradient in
                normalized.read { x in
                    gradientMean.read { gradientMean in
                        productMean.read { productMean in
                            factors.read { factors in
                                forEachRows { rows in
                                    for row in rows {
                                        let start = row * columns
                                        for column in 0..<columns {
                                            let index = start + column
                                            result[index] =
                                                (gradient[index] - gradientMean[column]
                                                    - x[index] * productMean[column])
                                                * factors[column]
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
