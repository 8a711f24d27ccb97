/// Logistic regression:
///
///     y = b + Σ w_i·x_i
///
/// Numbers that come as they are have weights of their own in the dense part. The linear part of
/// the other models is this too. (Richardson et al., Predicting clicks, WWW 2007.)
struct LR: Model {
    static let usesLinearWeights = true

    private let bias: Parameter
    private let numberWeights: Parameter?

    init(_ parameters: Parameters, _ shape: ModelShape, _ settings: NetworkSettings) {
        bias = parameters.constant("linear.bias", 0, columns: 1)
        numberWeights =
            shape.numbers > 0
            ? parameters.weights("linear.numbers", inputs: shape.numbers, outputs: 1) : nil
    }

    func logits(_ input: ModelInput, _ pass: Pass) -> Variable {
        var sum = input.linear.plusRow(pass(bias))
        if let numbers = input.numbers, let numberWeights {
            sum = sum + numbers.times(pass(numberWeights))
        }
        return sum
    }
}
