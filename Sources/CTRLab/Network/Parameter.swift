/// A matrix of the dense part of a model, which training changes.
final class Parameter {
    let name: String
    var value: Matrix
    /// What the optimizer keeps beside it.
    var optimizerState: [Matrix] = []

    init(name: String, value: Matrix) {
        self.name = name
        self.value = value
    }
}
