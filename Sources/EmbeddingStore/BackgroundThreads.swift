internal import Foundation

/// The threads of a store that work apart from any request, ended together.
final class BackgroundThreads: @unchecked Sendable {  // `stopping` is guarded by `condition`
    private let condition = NSCondition()
    private var stopping = false
    private var runningCount = 0

    /// Whether they should come to an end.
    var isStopping: Bool { condition.withLock { stopping } }

    func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        condition.withLock { runningCount += 1 }
        let thread = Thread { [self] in
            body()
            condition.withLock {
                runningCount -= 1
                condition.broadcast()
            }
        }
        thread.name = name
        thread.start()
    }

    /// Tells them to come to an end.
    func stop() {
        condition.withLock {
            stopping = true
            condition.broadcast()
        }
    }

    /// Waits until they should come to an end, or for so long; returns whether they should.
    func waitForStop(seconds: Double) -> Bool {
        let deadline = Date(timeIntervalSinceNow: seconds)
        condition.lock()
        defer { condition.unlock() }
        while !stopping, condition.wait(until: deadline) {}
        return stopping
    }

    /// Waits until all have.
    func join() {
        condition.lock()
        defer { condition.unlock() }
        while runningCount > 0 { condition.wait() }
    }
}
