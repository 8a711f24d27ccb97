internal import Foundation

extension Variable {
    /// `max(x, 0)`
    public func relu() -> Variable { leakyReLU(slope: 0) }

    /// `x` where it is above 0, else `slope·x` (Maas et al., ICML 2013).
    public func leakyReLU(slope: Float) -> Variable {
        let result = value.mapped { range, x, result in
            for index in range { result[index] = x[index] > 0 ? x[index] : slope * x[index] }
        }
        return Variable(result, of: [self]) { [self] gradient in
            addGradient(
                gradient.mapped { range, gradient, result in
                    value.read { x in
                        for index in range {
                            result[index] = x[index] > 0 ? gradient[index] : slope * gradient[index]
                        }
                    }
                })
        }
    }

    /// `1 / (1 + e^−x)`
    public func sigmoid() -> Variable {
        let result = value.mapped { range, x, result in
            for index in range { result[index] = Self.sigmoid(x[index]) }
        }
        return Variable(result, of: [self]) { [self] gradient in
            addGradient(
                gradient.mapped { range, gradient, sum in
                    result.read { s in
                        for index in range {
                            sum[index] = gradient[index] * s[index] * (1 - s[index])
                        }
                    }
                })
        }
    }

    static func sigmoid(_ x: Float) -> Float {
        // The exponent is never positive, so that nothing overflows.
        let power = exp(-abs(x))
        return x >= 0 ? 1 / (1 + power) : power / (1 + power)
    }

    /// `e^x / Σ e^x` over each row.
    public func softmax() -> Variable {
        let width = columns
        let result = value.mapped { range, x, result in
            for start in stride(from: range.lowerBound, to: range.upperBound, by: max(width, 1)) {
                let range = start..<start + width
                // The largest exponent is 0.
                var largest = -Float.infinity
                for index in range { largest = max(largest, x[index]) }
                var sum: Float = 0
                for index in range {
                    result[index] = exp(x[index] - largest)
                    sum += result[index]
                }
                for index in range { result[index] /= sum }
            }
        }
        return Variable(result, of: [self]) { [self] gradient in
            let dots = Matrix.rowDots(gradient, result)
            addGradient(
                gradient.mapped { range, gradient, sum in
                    result.read { s in
                        for index in range {
                            sum[index] = s[index] * (gradient[index] - dots.values[index / width])
                        }
                    }
                })
        }
    }

    /// Each value set to 0 with probability `rate`, the others divided by `1 − rate` (Srivastava
    /// et al., JMLR 15, 2014).
    func dropout(rate: Float, using random: inout SplitMix64) -> Variable {
        guard rate > 0 else { return self }
        let limit = UInt32(Double(rate) * 0x1p32)
        let kept = 1 / (1 - rate)
        let mask = Matrix(rows, columns) { mask in
            // Two draws out of each number.
            for index in stride(from: 0, to: value.values.count, by: 2) {
                let number = random.next()
                mask[index] = UInt32(truncatingIfNeeded: number) < limit ? 0 : kept
                guard index + 1 < value.values.count else { break }
                mask[index + 1] = UInt32(truncatingIfNeeded: number >> 32) < limit ? 0 : kept
            }
        }
        return self * Variable(mask)
    }
}
