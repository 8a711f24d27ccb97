internal import ArgumentParser

/// A number of things on the command line, with k, M or G for thousands, millions, billions: `16M`.
struct Quantity: Equatable, ExpressibleByArgument, CustomStringConvertible {
    let value: UInt64

    init(_ value: UInt64) {
        self.value = value
    }

    init?(argument: String) {
        let factors: [Character: UInt64] = ["k": 1000, "M": 1_000_000, "G": 1_000_000_000]
        let factor = argument.last.flatMap { factors[$0] }
        guard let number = UInt64(factor == nil ? argument[...] : argument.dropLast()) else {
            return nil
        }
        let (value, overflow) = number.multipliedReportingOverflow(by: factor ?? 1)
        if overflow { return nil }
        self.value = value
    }

    var description: String { "\(value)" }
    var defaultValueDescription: String { description }
}
