/// Adds up the loss of an epoch, and reports it now and then.
struct LossMeter {
    let epoch: Int
    let examplesMax: Int
    let report: (Trainer.Progress) -> Void
    private let started = ContinuousClock.now
    private var lastReport = ContinuousClock.now
    private var examples = 0
    private var sum = 0.0
    private var recentExamples = 0
    private var recentSum = 0.0

    init(epoch: Int, examplesMax: Int, report: @escaping (Trainer.Progress) -> Void) {
        self.epoch = epoch
        self.examplesMax = examplesMax
        self.report = report
    }

    var mean: Double { sum / Double(max(examples, 1)) }

    mutating func add(_ loss: Double, examples count: Int) {
        examples += count
        recentExamples += count
        sum += loss * Double(count)
        recentSum += loss * Double(count)
        let now = ContinuousClock.now
        guard now - lastReport >= .milliseconds(500) else { return }
        report(
            .step(
                epoch: epoch, examples: examples, of: examplesMax,
                loss: recentSum / Double(recentExamples),
                samplesPerSecond: Double(examples) / ((now - started) / .seconds(1))))
        lastReport = now
        (recentExamples, recentSum) = (0, 0)
    }
}
