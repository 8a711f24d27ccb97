internal import Foundation

extension Variable {
    /// The mean over all values of the cross-entropy of `labels` and the probabilities σ(x):
    ///
    ///     log(1 + e^x) − y·x,  with the gradient σ(x) − y
    ///
    /// - Parameter labels: 0 or 1, of the logits' shape.
    /// - Returns: one value.
    public func crossEntropy(_ labels: Matrix) -> Variable {
        precondition(rows == labels.rows && columns == labels.columns)
        let count = Float(value.values.count)
        var sum = 0.0
        for (x, label) in zip(value.values, labels.values) {
            // log(1 + e^x) = max(x, 0) + log(1 + e^−|x|)
            sum += Double(max(x, 0) + log1p(exp(-abs(x))) - label * x)
        }
        let mean = Matrix(1, 1, [Float(sum / Double(count))])
        return Variable(mean, of: [self]) { [self] gradient in
            let scale = gradient.values[0] / count
            addGradient(
                value.mapped { range, x, result in
                    labels.read { labels in
                        for index in range {
                            result[index] = scale * (Self.sigmoid(x[index]) - labels[index])
                        }
                    }
                })
        }
    }
}
