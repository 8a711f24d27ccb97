internal import CTRLab
internal import Foundation

/// Tells on the terminal how a comparison gets on, and what each run has come to.
final class TradeoffProgress {
    private var heading = ""

    func show(_ progress: CTRLab.Tradeoff.Progress) {
        switch progress {
        case .run(let run, let number, let count, let secondsLeft):
            let left = secondsLeft.map { ", about \(Units.duration(seconds: $0)) left" } ?? ""
            heading = "run \(number) of \(count)\(left): \(Self.name(run))"
            StandardError.showProgress(heading)
        case .training(.step(let epoch, let examples, let all, let loss, _)):
            StandardError.showProgress(
                "\(heading), epoch \(epoch), \(examples * 100 / all) %, logloss "
                    + String(format: "%.4f", loss))
        case .training(.epoch):
            break
        case .finished(let record):
            StandardError.clearProgress()
            let report = record.report
            StandardError.write(
                String(
                    format:
                        "%@ %@ %@ %@ seed %d: test AUC %.5f, validation %.5f, epoch %d, %.1f s\n",
                    record.contestant.rawValue, record.variant, report.scheme, report.precision,
                    Int(report.seed), report.testAUC, report.validAUC, report.epochs,
                    report.seconds))
        }
    }

    private static func name(_ run: TradeoffRun) -> String {
        let place = run.budgetRatio == 1 ? "" : String(format: " ÷%g", run.budgetRatio)
        let tuning = run.stage == .tuning ? "tuning " : ""
        let variant = run.variant.isEmpty ? "" : " \(run.variant)"
        return
            "\(tuning)\(run.contestant.rawValue)\(variant)\(place) \(run.precision) seed \(run.seed)"
    }
}
