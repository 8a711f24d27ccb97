import Foundation

/// Keeps the rows that pushes have loaded and not yet stepped to half of the budget.
///
/// Such rows must stay in memory, whatever the policy says. The other half can always be demoted,
/// and no two pushes wait for each other's room, because each takes all that it needs at once.
final class PinnedBytes: @unchecked Sendable {  // `freeBytes` is guarded by `condition`
    private let limitBytes: Int
    private let condition = NSCondition()
    private var freeBytes: Int

    init(limitBytes: Int) {
        self.limitBytes = limitBytes
        freeBytes = limitBytes
    }

    /// Throws `tooLarge` for more bytes than there can ever be.
    func check(_ bytes: Int) throws(StoreError) {
        guard bytes <= limitBytes else {
            throw .tooLarge(
                "a write of \(bytes) bytes of rows; half of the hot tier is \(limitBytes) bytes")
        }
    }

    /// Waits for `bytes` to be free and takes them. Throws `tooLarge` or `overloaded`. Blocks: never on an event loop.
    func take(_ bytes: Int, timeoutSeconds: Double) throws(StoreError) {
        try check(bytes)
        let deadline = Date(timeIntervalSinceNow: timeoutSeconds)
        condition.lock()
        defer { condition.unlock() }
        while freeBytes < bytes {
            if !condition.wait(until: deadline), freeBytes < bytes {
                throw .noRoom
            }
        }
        freeBytes -= bytes
    }

    func give(_ bytes: Int) {
        condition.lock()
        freeBytes += bytes
        condition.unlock()
        condition.broadcast()
    }
}
