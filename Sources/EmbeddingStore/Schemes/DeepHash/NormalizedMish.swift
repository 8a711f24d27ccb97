/// What follows the product in a hidden layer: each id's values are brought to mean 0 and variance
/// 1 (layer norm; Ba et al., 2016), then scaled, shifted and passed through Mish (Misra, 2019).
///
/// The paper normalises by batch. A row would then depend on the other ids of the request, or on
/// running averages, which are state that no gradient moves; layer norm needs neither, and in our
/// trials it also trained faster.
enum NormalizedMish {
    /// Keeps the variance of equal values from dividing by 0.
    static let epsilon: Float = 1e-5

    /// Normalises `count` values in place, and writes what Mish makes of them to `activations`.
    ///
    /// - Returns: what the values were divided by, inverted.
    static func forward(
        _ values: UnsafeMutablePointer<Float>, gain: UnsafePointer<Float>,
        shift: UnsafePointer<Float>, count: Int, into activations: UnsafeMutablePointer<Float>
    ) -> Float {
        let mean = sum(count) { unsafe values[$0] } / Float(count)
        for index in 0..<count { unsafe values[index] -= mean }
        let squares = sum(count) { unsafe values[$0] * values[$0] }
        let inverse = 1 / (squares / Float(count) + epsilon).squareRoot()
        for index in 0..<count {
            let normalized = unsafe values[index] * inverse
            unsafe values[index] = normalized
            unsafe activations[index] = mish(normalized * gain[index] + shift[index])
        }
        return inverse
    }

    /// Turns the gradient of the activations, in place, into that of the values before
    /// normalisation, and adds to the gradients of gain and shift.
    ///
    /// - Parameter normalized: what `forward` left of the values.
    /// - Parameter inverse: what it returned.
    static func backward(
        _ gradient: UnsafeMutablePointer<Float>, normalized: UnsafePointer<Float>, inverse: Float,
        gain: UnsafePointer<Float>, shift: UnsafePointer<Float>, count: Int,
        gainGradient: UnsafeMutablePointer<Float>, shiftGradient: UnsafeMutablePointer<Float>
    ) {
        for index in 0..<count {
            let value = unsafe normalized[index]
            let scale = unsafe gain[index]
            let moved = unsafe gradient[index] * mishSlope(value * scale + shift[index])
            unsafe gainGradient[index] += moved * value
            unsafe shiftGradient[index] += moved
            unsafe gradient[index] = moved * scale
        }
        let mean = sum(count) { unsafe gradient[$0] } / Float(count)
        let slope = sum(count) { unsafe gradient[$0] * normalized[$0] } / Float(count)
        for index in 0..<count {
            unsafe gradient[index] =
                inverse * (gradient[index] - mean - normalized[index] * slope)
        }
    }

    /// x · tanh(ln(1 + eˣ)), without the logarithm.
    @inline(__always)
    static func mish(_ x: Float) -> Float {
        let power = exponential(x)
        let n = power * (power + 2)
        return x * (n / (n + 2))
    }

    /// The derivative of `mish`.
    @inline(__always)
    static func mishSlope(_ x: Float) -> Float {
        let power = exponential(x)
        let n = power * (power + 2)
        let inverse = 1 / (n + 2)
        // 1 − tanh², without the difference of two numbers near 1.
        let slope = 4 * (n + 1) * inverse * inverse
        return n * inverse + x * slope * (power / (1 + power))
    }

    /// eˣ to 2 units in the last place: the same on every machine, unlike libm's, and many at a
    /// time. x is held between −87 and 20: beyond 20 Mish is x.
    @inline(__always)
    static func exponential(_ x: Float) -> Float {
        let low: Float = x < -87 ? -87 : x
        let held = low > 20 ? 20 : low
        // Adding it leaves no room for digits after the point.
        let rounder: Float = 12_582_912
        let shifted = held * 1.442_695_04 + rounder
        let whole = shifted - rounder
        // ln 2 in two parts, the first short, so that its product is exact.
        let rest = (held - whole * 0.693_359_375) + whole * 2.121_944_40e-4
        var series: Float = 1.987_569_15e-4
        series = series * rest + 1.398_199_95e-3
        series = series * rest + 8.333_451_9e-3
        series = series * rest + 4.166_579_6e-2
        series = series * rest + 1.666_666_55e-1
        series = series * rest + 0.5
        let fraction = series * rest * rest + rest + 1
        // The low bits of `shifted` are the power of two.
        let exponent = shifted.bitPattern &- rounder.bitPattern &+ 127
        return fraction * Float(bitPattern: exponent << 23)
    }

    /// The sum of `term` over 0..<count, in eight running sums: an order that does not depend on
    /// the machine, and that vector units can follow.
    @inline(__always)
    private static func sum(_ count: Int, _ term: (Int) -> Float) -> Float {
        var sums = SIMD8<Float>(repeating: 0)
        let whole = count & ~7
        for start in stride(from: 0, to: whole, by: 8) {
            for lane in 0..<8 { sums[lane] += term(start &+ lane) }
        }
        for index in whole..<count { sums[index & 7] += term(index) }
        return sums.sum()
    }
}
