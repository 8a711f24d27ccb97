internal import Foundation
import Synchronization

/// Keeps admissions and pushes of a table apart: many pushes, or one who admits.
///
/// While ids are admitted or retired no push is under way that has looked up who owns a row.
final class AdmissionGate: @unchecked Sendable {  // `isAdmitting` is guarded by `condition`
    /// Pushes inside; negative while somebody admits or waits to.
    private let inside = Atomic<Int>(0)
    private static let closed = Int.min / 2
    private let condition = NSCondition()
    private var isAdmitting = false

    /// Whether a push may go on; then `leave` follows. Never blocks.
    func tryEnter() -> Bool {
        if inside.add(1, ordering: .acquiring).newValue > 0 { return true }
        leave()
        return false
    }

    /// Waits until a push may go on.
    func enter() {
        if tryEnter() { return }
        condition.lock()
        while !tryEnter() { _ = condition.wait(until: Date(timeIntervalSinceNow: 0.001)) }
        condition.unlock()
    }

    func leave() {
        if inside.subtract(1, ordering: .releasing).newValue == Self.closed {
            condition.withLock { condition.broadcast() }
        }
    }

    /// Calls `body` while no push is inside.
    func alone<Result>(
        _ body: () throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        condition.lock()
        while isAdmitting { condition.wait() }
        isAdmitting = true
        inside.add(Self.closed, ordering: .acquiring)
        while inside.load(ordering: .acquiring) != Self.closed {
            // A push that only tried may come and go without a word.
            _ = condition.wait(until: Date(timeIntervalSinceNow: 0.001))
        }
        condition.unlock()
        defer {
            inside.subtract(Self.closed, ordering: .releasing)
            condition.withLock {
                isAdmitting = false
                condition.broadcast()
            }
        }
        return try body()
    }
}
