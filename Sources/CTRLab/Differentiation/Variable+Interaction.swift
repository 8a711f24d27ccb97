/// Interactions of fields. A matrix of fields has a row for each example, and in it the
/// embeddings of the fields one after the other: examples × (fields · dimension).
extension Variable {
    /// The sum of the products of all pairs of fields, element by element (bi-interaction; Rendle,
    /// ICDM 2010; He and Chua, SIGIR 2017):
    ///
    ///     Σ_{i<j} v_i ⊙ v_j = ½ [(Σ_i v_i)² − Σ_i v_i²],  with the gradient Σ_j v_j − v_i for v_i
    ///
    /// - Returns: examples × dimension.
    public func biInteraction(fields: Int) -> Variable {
        let (rows, width) = (rows, columns)
        let dimension = width / fields
        var sums = Matrix(zeros: rows, dimension)
        let result = Matrix(rows, dimension) { result in
            value.read { values in
                sums.write { sums in
                    for row in 0..<rows {
                        let v = values + row * width
                        let sum = sums + row * dimension
                        let squares = result + row * dimension
                        squares.update(repeating: 0, count: dimension)
                        for field in 0..<fields {
                            let v = v + field * dimension
                            for index in 0..<dimension {
                                sum[index] += v[index]
                                squares[index] += v[index] * v[index]
                            }
                        }
                        for index in 0..<dimension {
                            squares[index] = 0.5 * (sum[index] * sum[index] - squares[index])
                        }
                    }
                }
            }
        }
        return Variable(result, of: [self]) { [self] gradient in
            withGradient { total in
                total.write { total in
                    value.read { values in
                        sums.read { sums in
                            gradient.read { gradient in
                                for row in 0..<rows {
                                    let sum = sums + row * dimension
                                    let gradient = gradient + row * dimension
                                    for field in 0..<fields {
                                        let start = row * width + field * dimension
                                        let v = values + start
                                        let target = total + start
                                        for index in 0..<dimension {
                                            target[index] +=
                                                gradient[index] * (sum[index] - v[index])
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

    /// The inner products of all pairs of fields i < j, in the order (0,1), (0,2), …, (1,2), …
    ///
    /// - Returns: examples × (fields · (fields − 1) / 2).
    public func innerProducts(fields: Int) -> Variable {
        let (rows, width) = (rows, columns)
        let dimension = width / fields
        let pairs = fields * (fields - 1) / 2
        let result = Matrix(rows, pairs) { result in
            value.read { values in
                var next = 0
                for row in 0..<rows {
                    let v = values + row * width
                    for left in 0..<fields {
                        for right in left + 1..<max(fields, left + 1) {
                            result[next] = Matrix.dot(
                                v + left * dimension, v + right * dimension, dimension)
                            next += 1
                        }
                    }
                }
            }
        }
        return Variable(result, of: [self]) { [self] gradient in
            withGradient { total in
                total.write { total in
                    value.read { values in
                        var next = 0
                        for row in 0..<rows {
                            let v = values + row * width
                            let target = total + row * width
                            for left in 0..<fields {
                                for right in left + 1..<max(fields, left + 1) {
                                    let factor = gradient.values[next]
                                    next += 1
                                    for index in 0..<dimension {
                                        let l = left * dimension + index
                                        let r = right * dimension + index
                                        target[l] += factor * v[r]
                                        target[r] += factor * v[l]
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Each example's fields × dimension transposed: examples × (dimension · fields).
    public func transposedFields(fields: Int) -> Variable {
        let dimension = columns / fields
        let result = value.transposedBlocks(fields, dimension)
        return Variable(result, of: [self]) { [self] gradient in
            addGradient(gradient.transposedBlocks(dimension, fields))
        }
    }

    /// The weighted sums of all products of a value of this row with one of the same row of
    /// `other`:
    ///
    ///     result[r, h] = Σ_{i,j} weights[i·m + j, h] · self[r, i] · other[r, j],  m = other.columns
    ///
    /// With rows (example, dimension) and columns of fields this is one layer of the compressed
    /// interaction network (xDeepFM: Lian et al., KDD 2018, equation 6).
    public func weightedOuterProducts(with other: Variable, weights: Variable) -> Variable {
        precondition(rows == other.rows && weights.rows == columns * other.columns)
        // The products are as large as the batch is long: they are made again for the gradient
        // rather than kept, some rows at a time.
        let part = max(1, (1 << 20) / max(weights.rows, 1))
        let parts = stride(from: 0, to: rows, by: part).map { [rows] in $0..<min($0 + part, rows) }
        var result: [Float] = []
        result.reserveCapacity(rows * weights.columns)
        for rows in parts {
            var sums = Matrix(zeros: rows.count, weights.columns)
            let products = Matrix.outerProducts(value, other.value, rows: rows)
            Matrix.addProduct(products, weights.value, to: &sums)
            result += sums.values
        }
        let operands = [self, other, weights]
        return Variable(Matrix(rows, weights.columns, result), of: operands) { [self] gradient in
            for rows in parts {
                let width = gradient.columns
                let gradient = Matrix(
                    rows.count, width,
                    Array(gradient.values[rows.lowerBound * width..<rows.upperBound * width]))
                weights.withGradient {
                    let products = Matrix.outerProducts(value, other.value, rows: rows)
                    Matrix.addProduct(products, leftTransposed: true, gradient, to: &$0)
                }
                guard needsGradient || other.needsGradient else { continue }
                var products = Matrix(zeros: rows.count, weights.rows)
                Matrix.addProduct(gradient, weights.value, rightTransposed: true, to: &products)
                withGradient {
                    $0.addOuterGradient(products, rows: rows, partner: other.value, isLeft: true)
                }
                other.withGradient {
                    $0.addOuterGradient(products, rows: rows, partner: value, isLeft: false)
                }
            }
        }
    }
}

extension Matrix {
    fileprivate func transposedBlocks(_ height: Int, _ width: Int) -> Matrix {
        precondition(columns == height * width)
        return Matrix(rows, columns) { result in
            read { values in
                for row in 0..<rows {
                    let source = values + row * columns
                    let target = result + row * columns
                    for y in 0..<height {
                        for x in 0..<width { target[x * height + y] = source[y * width + x] }
                    }
                }
            }
        }
    }

    /// The products of every value of a row of `a` with every value of the same row of `b`.
    fileprivate static func outerProducts(_ a: Matrix, _ b: Matrix, rows: Range<Int>) -> Matrix {
        let (height, width) = (a.columns, b.columns)
        return Matrix(rows.count, height * width) { result in
            a.read { a in
                b.read { b in
                    for (index, row) in rows.enumerated() {
                        for y in 0..<height {
                            let factor = a[row * height + y]
                            let target = result + (index * height + y) * width
                            let source = b + row * width
                            for x in 0..<width { target[x] = factor * source[x] }
                        }
                    }
                }
            }
        }
    }

    /// Adds to the gradient of one factor of outer products, given that of the products.
    fileprivate mutating func addOuterGradient(
        _ products: Matrix, rows: Range<Int>, partner: Matrix, isLeft: Bool
    ) {
        let (height, width) = isLeft ? (columns, partner.columns) : (partner.columns, columns)
        write { result in
            products.read { products in
                partner.read { partner in
                    for (index, row) in rows.enumerated() {
                        for y in 0..<height {
                            let source = products + (index * height + y) * width
                            if isLeft {
                                result[row * height + y] += Matrix.dot(
                                    source, partner + row * width, width)
                            } else {
                                let factor = partner[row * height + y]
                                let target = result + row * width
                                for x in 0..<width { target[x] += factor * source[x] }
                            }
                        }
                    }
                }
            }
        }
    }
}
