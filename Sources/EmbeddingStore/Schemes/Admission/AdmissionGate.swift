internal import Foundation
import Synchronization

/// Keeps admissions apart from the pushes of a table and its pulls that count: many of those, or one
/// who admits.
///
/// While ids are admitted or retired none of them has looked up who owns a row and goes by it.
final class AdmissionGate: @unchecked Sendable {  // `isAdmitting` is guarded by `condition`
    /// Requests inside; negative while somebody admits or waits to.
    private let inside = Atomic<Int>(0)
    private static let closed = Int.min / 2
    private let condition = NSCondition()
    private var isAdmitting = false

    /// Whether a request may go on; then `leave` follows. Never blocks.
    func tryEnter() -> Bool {
        if inside.add(1, ordering: .acquiring).newValue > 0 { return true }
        // Without a word to whoever admits: `enter` comes here with the lock held.
        inside.subtract(1, ordering: .releasing)
        return false
    }

    /// Waits until a request may go on.
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

    /// Calls `body` while no request is inside.
    func alone<Result>(
        _ body: () throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        condition.lock()
        while isAdmitting { condition.wait() }
        isAdmitting = true
        inside.add(Self.closed, ordering: .acquiring)
        while inside.load(ordering: .acquiring) != Self.closed {
            // Looks again soon: the last to go may be one that only tried, which does not say so.
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
