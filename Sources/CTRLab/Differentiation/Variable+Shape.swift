extension Variable {
    /// The matrices side by side.
    public static func joined(_ parts: [Variable]) -> Variable {
        if parts.count == 1 { return parts[0] }
        let rows = parts[0].rows
        precondition(parts.allSatisfy { $0.rows == rows })
        let columns = parts.reduce(0) { $0 + $1.columns }
        let joined = Matrix(rows, columns) { result in
            var start = 0
            for part in parts {
                part.value.read { values in
                    for row in 0..<rows {
                        (result + row * columns + start).update(
                            from: values + row * part.columns, count: part.columns)
                    }
                }
                start += part.columns
            }
        }
        return Variable(joined, of: parts) { gradient in
            var start = 0
            for part in parts {
                let range = start..<start + part.columns
                if part.needsGradient { part.addGradient(gradient.slice(range)) }
                start = range.upperBound
            }
        }
    }

    /// Some neighbouring columns.
    public func columns(_ range: Range<Int>) -> Variable {
        if range == 0..<columns { return self }
        return Variable(value.slice(range), of: [self]) { [self] gradient in
            withGradient { sum in
                let width = sum.columns
                let rows = sum.rows
                sum.write { sum in
                    gradient.read { gradient in
                        for row in 0..<rows {
                            let target = sum + row * width + range.lowerBound
                            let source = gradient + row * range.count
                            for index in 0..<range.count { target[index] += source[index] }
                        }
                    }
                }
            }
        }
    }

    /// The same values in the same order with another number of columns.
    public func reshaped(columns: Int) -> Variable {
        func reshaped(_ matrix: Matrix, _ columns: Int) -> Matrix {
            Matrix(matrix.values.count / columns, columns, matrix.values)
        }
        let before = self.columns
        return Variable(reshaped(value, columns), of: [self]) { [self] gradient in
            addGradient(reshaped(gradient, before))
        }
    }
}

extension Matrix {
    /// Some neighbouring columns.
    func slice(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns)
        return Matrix(rows, range.count) { result in
            read { values in
                for row in 0..<rows {
                    (result + row * range.count).update(
                        from: values + row * columns + range.lowerBound, count: range.count)
                }
            }
        }
    }
}
