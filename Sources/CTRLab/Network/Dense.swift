/// `x·W + b`, or `relu(x·W + b)`
struct Dense {
    private let weights: Parameter
    private let bias: Parameter

    init(_ parameters: Parameters, _ name: String, inputs: Int, outputs: Int) {
        weights = parameters.weights("\(name).weights", inputs: inputs, outputs: outputs)
        bias = parameters.constant("\(name).bias", 0, columns: outputs)
    }

    func callAsFunction(_ x: Variable, _ pass: Pass, rectified: Bool = false) -> Variable {
        x.affine(pass(weights), pass(bias), rectified: rectified)
    }
}
