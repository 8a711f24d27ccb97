internal import Foundation

/// Where values are along one side of a chart, and which of them have a label.
struct ChartAxis {
    let ticks: [(value: Double, label: String)]
    private let low: Double
    private let high: Double
    private let start: Double
    private let end: Double
    private let scale: (Double) -> Double

    func place(_ value: Double) -> Double {
        start + (scale(value) - low) / (high - low) * (end - start)
    }

    /// Bytes, their logarithms equally far apart.
    init(bytes: [Double], from start: Double, to end: Double) {
        self.start = start
        self.end = end
        scale = { log10($0) }
        let logs = bytes.map { log10(max($0, 1)) }
        let least = logs.min() ?? 0
        let most = logs.max() ?? 1
        let margin = max(0.05 * (most - least), 0.1)
        (low, high) = (least - margin, most + margin)
        let steps: [Double] = high - low > 2.2 ? [1] : [1, 2, 5]
        ticks = (Int(low.rounded(.down))...Int(high.rounded(.up))).flatMap { power in
            steps.map { $0 * pow(10, Double(power)) }
        }
        .filter { [low, high] in (low...high).contains(log10($0)) }
        .map { ($0, Self.bytesLabel($0)) }
    }

    /// AUC, as it is.
    init(auc: [Double], from start: Double, to end: Double) {
        self.start = start
        self.end = end
        scale = { $0 }
        let least = auc.min() ?? 0.5
        let most = auc.max() ?? 1
        let margin = max(0.06 * (most - least), 0.0005)
        (low, high) = (least - margin, most + margin)
        // The smallest of 1, 2, 5 times a power of ten that leaves at most eight ticks.
        let rough = (high - low) / 8
        let power = pow(10, log10(rough).rounded(.down))
        let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? rough
        let digits = max(0, Int((-log10(step)).rounded(.up)))
        ticks = (Int((low / step).rounded(.up))...Int((high / step).rounded(.down))).map {
            let value = Double($0) * step
            return (value, String(format: "%.\(digits)f", value))
        }
    }

    static func bytesLabel(_ bytes: Double) -> String {
        switch bytes {
        case ..<1e3: String(format: "%.0f B", bytes)
        case ..<1e6: String(format: "%g kB", bytes / 1e3)
        case ..<1e9: String(format: "%g MB", bytes / 1e6)
        default: String(format: "%g GB", bytes / 1e9)
        }
    }
}
