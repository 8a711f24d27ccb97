import Synchronization
import Testing

@testable import EmbeddingStore

struct AdmissionGateTests {
    private final class Counts: Sendable {
        let pushes = Atomic(0)
        let inside = Atomic(0)
        let mixed = Atomic(0)
    }

    /// Pushes and admissions that meet all the time all get their turn, and never the same one.
    @Test func pushesAndAdmissionsKeepApart() throws {
        let gate = AdmissionGate()
        let counts = Counts()
        let pushing = (0..<4).map { number in
            BlockingTask {
                for _ in 0..<5000 {
                    if number > 1 || !gate.tryEnter() { gate.enter() }
                    counts.inside.add(1, ordering: .relaxed)
                    counts.pushes.add(1, ordering: .relaxed)
                    counts.inside.subtract(1, ordering: .relaxed)
                    gate.leave()
                }
            }
        }
        let admitting = (0..<2).map { _ in
            BlockingTask {
                for _ in 0..<200 {
                    try gate.alone { () throws(StoreError) in
                        let before = counts.pushes.load(ordering: .relaxed)
                        for _ in 0..<100 where counts.inside.load(ordering: .relaxed) != 0 {
                            counts.mixed.add(1, ordering: .relaxed)
                        }
                        if counts.pushes.load(ordering: .relaxed) != before {
                            counts.mixed.add(1, ordering: .relaxed)
                        }
                    }
                }
            }
        }
        for task in pushing + admitting { try task.value() }
        #expect(counts.pushes.load(ordering: .relaxed) == 20_000)
        #expect(counts.mixed.load(ordering: .relaxed) == 0)
        #expect(gate.tryEnter())
    }
}
