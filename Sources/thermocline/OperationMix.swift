internal import ArgumentParser
internal import CTRLab

/// How often each operation comes in a load: `pull:100`, or `pull:50,push:50`.
struct OperationMix: Equatable, ExpressibleByArgument, CustomStringConvertible {
    enum Operation: String, CaseIterable, Codable {
        case pull, push, assign
        /// Goes before pulls where ids are announced, and is no part of a mix.
        case prefetch
    }

    /// Weights above 0, in the order given.
    let weights: [(operation: Operation, weight: UInt64)]

    init?(argument: String) {
        var weights: [(operation: Operation, weight: UInt64)] = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(separator: ":", omittingEmptySubsequences: false)
            guard words.count == 2, let operation = Operation(rawValue: String(words[0])),
                operation != .prefetch, let weight = UInt64(words[1]), weight <= 1_000_000,
                !weights.contains(where: { $0.operation == operation })
            else { return nil }
            weights.append((operation, weight))
        }
        self.weights = weights.filter { $0.weight > 0 }
        if self.weights.isEmpty { return nil }
    }

    var description: String {
        weights.map { "\($0.operation.rawValue):\($0.weight)" }.joined(separator: ",")
    }

    var defaultValueDescription: String { description }

    var writes: Bool { weights.contains { $0.operation != .pull } }

    /// An operation, by chance.
    func next(using random: inout SplitMix64) -> Operation {
        if weights.count == 1 { return weights[0].operation }
        var place = UInt64.random(in: 0..<weights.reduce(0) { $0 + $1.weight }, using: &random)
        for (operation, weight) in weights {
            if place < weight { return operation }
            place -= weight
        }
        preconditionFailure("the place lies within the weights")
    }

    static func == (left: OperationMix, right: OperationMix) -> Bool {
        left.description == right.description
    }
}
