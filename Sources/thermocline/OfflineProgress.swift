/// How far work on a store is, on the terminal: nothing for short work, and a few times a second.
struct OfflineProgress {
    private let what: String
    private let started = ContinuousClock.now
    private var shown = ContinuousClock.now

    init(_ what: String) { self.what = what }

    mutating func show(_ stage: String, _ done: Int, of all: Int, unit: String = "rows") {
        let now = ContinuousClock.now
        guard now - started > .seconds(2), now - shown > .milliseconds(200) else { return }
        shown = now
        let rate = Double(done) / max((now - started) / .seconds(1), 1e-9)
        StandardError.showProgress(
            "\(what): \(stage.isEmpty ? "" : stage + " ")\(Units.count(UInt64(done))) of "
                + "\(Units.count(UInt64(all))) \(unit)"
                + (stage.isEmpty ? ", \(Units.rate(rate))/s" : ""))
    }
}
