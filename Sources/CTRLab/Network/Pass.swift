/// One computation of a network: whether it trains, its share of chance, and the parameters that
/// it has used.
final class Pass {
    let isTraining: Bool
    var random: SplitMix64
    private var variables: [ObjectIdentifier: (parameter: Parameter, variable: Variable)] = [:]
    private var order: [ObjectIdentifier] = []

    init(isTraining: Bool, random: SplitMix64 = SplitMix64(seed: 0)) {
        self.isTraining = isTraining
        self.random = random
    }

    /// The parameter as a variable; the same one each time.
    func callAsFunction(_ parameter: Parameter) -> Variable {
        let key = ObjectIdentifier(parameter)
        if let known = variables[key] { return known.variable }
        let variable = Variable(parameter.value, needsGradient: isTraining)
        variables[key] = (parameter, variable)
        order.append(key)
        return variable
    }

    /// The parameters that the differentiated result depends on, with their gradients.
    var gradients: [(parameter: Parameter, gradient: Matrix)] {
        order.compactMap { key in
            let (parameter, variable) = variables[key]!  // `order` holds its keys.
            return variable.gradient.map { (parameter, $0) }
        }
    }
}
