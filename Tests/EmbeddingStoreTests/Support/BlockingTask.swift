import Foundation

/// Work that blocks, on a thread of its own from the start: the few threads of tasks may all be
/// taken by other tests.
final class BlockingTask<Success: Sendable>: @unchecked Sendable {  // `result` is guarded by `ended`
    private let ended = DispatchSemaphore(value: 0)
    private var result: Result<Success, any Error>?

    init(_ body: @escaping @Sendable () throws -> Success) {
        Thread { [self] in
            result = Result { try body() }
            ended.signal()
        }.start()
    }

    /// Waits for the end.
    func value() throws -> Success {
        ended.wait()
        defer { ended.signal() }
        return try result!.get()
    }
}
