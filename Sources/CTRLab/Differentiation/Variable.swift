/// A matrix that a computation has made, and how its gradient reaches what it was made of.
///
/// Reverse-mode differentiation (Linnainmaa, 1970): an operator computes its value at once and
/// leaves behind a step that adds to the gradients of its operands, given its own.
/// ``Variable/differentiate(seed:)`` takes these steps in reverse order of their making.
public final class Variable {
    public let value: Matrix
    /// Of the differentiated sum with respect to ``value``; nil before there is any.
    public var gradient: Matrix? {
        for addend in postponed { addend() }
        postponed = []
        return sum
    }

    /// The gradient, as far as it has been added up.
    private var sum: Matrix?
    /// What adds the rest to it.
    private var postponed: [() -> Void] = []

    /// Whether the gradient is of use to anyone.
    let needsGradient: Bool
    private let operands: [Variable]
    /// Adds to the operands' gradients, given this variable's.
    private let backward: (Matrix) -> Void

    /// A matrix that was given.
    ///
    /// - Parameter needsGradient: whether to differentiate with respect to it.
    public init(_ value: Matrix, needsGradient: Bool = false) {
        self.value = value
        self.needsGradient = needsGradient
        operands = []
        backward = { _ in }
    }

    /// What an operator has made of `operands`.
    init(_ value: Matrix, of operands: [Variable], backward: @escaping (Matrix) -> Void) {
        self.value = value
        self.operands = operands
        self.backward = backward
        needsGradient = operands.contains(where: \.needsGradient)
    }

    public var rows: Int { value.rows }
    public var columns: Int { value.columns }

    /// Adds to the gradient.
    func addGradient(_ addend: Matrix) {
        guard needsGradient else { return }
        if sum == nil {
            sum = addend
        } else {
            sum?.add(addend)
        }
    }

    /// Adds a product to the gradient: `op(a)·op(b)`, where op is the transpose or nothing.
    func addGradient(
        _ a: Matrix, leftTransposed: Bool = false, times b: Matrix, rightTransposed: Bool = false
    ) {
        guard needsGradient else { return }
        if sum == nil {
            sum = Matrix.product(
                a, leftTransposed: leftTransposed, b, rightTransposed: rightTransposed)
        } else {
            withGradient {
                Matrix.addProduct(
                    a, leftTransposed: leftTransposed, b, rightTransposed: rightTransposed,
                    to: &$0)
            }
        }
    }

    /// Adds a product to the gradient, of a matrix that was given only once the gradient is asked
    /// for: whoever waits for another gradient has it sooner.
    func addGradientLater(_ a: Matrix, leftTransposed: Bool = false, times b: Matrix) {
        if needsGradient, operands.isEmpty {
            postponed.append { [unowned self] in
                addGradient(a, leftTransposed: leftTransposed, times: b)
            }
        } else {
            addGradient(a, leftTransposed: leftTransposed, times: b)
        }
    }

    /// Lets `body` add to the gradient where it is, zeros at first.
    func withGradient(_ body: (inout Matrix) -> Void) {
        guard needsGradient else { return }
        // Taken out, so that there is one owner while it changes.
        var current = sum.take() ?? Matrix(zeros: rows, columns)
        body(&current)
        sum = current
    }

    /// Computes the gradients of everything that this variable was made of. Once for a computation.
    ///
    /// - Parameter seed: the gradient with respect to this variable; ones when it is nil.
    public func differentiate(seed: Matrix? = nil) {
        let ones = [Float](repeating: 1, count: value.values.count)
        addGradient(seed ?? Matrix(rows, columns, ones))
        for variable in Self.order(from: self).reversed() {
            guard let gradient = variable.sum else { continue }
            variable.backward(gradient)
            // Of a step that is done, nobody needs the gradient any more.
            if !variable.operands.isEmpty { variable.sum = nil }
        }
    }

    /// Everything that needs a gradient, operands before what is made of them.
    private static func order(from end: Variable) -> [Variable] {
        var order: [Variable] = []
        var seen: Set<ObjectIdentifier> = []
        // By hand, not by recursion: a computation may be deep.
        var stack = [(variable: end, isDone: false)]
        while let (variable, isDone) = stack.popLast() {
            if isDone {
                order.append(variable)
            } else if variable.needsGradient, seen.insert(ObjectIdentifier(variable)).inserted {
                stack.append((variable, true))
                for operand in variable.operands { stack.append((operand, false)) }
            }
        }
        return order
    }
}
