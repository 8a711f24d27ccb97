internal import EmbeddingWire
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix

/// Threads that may block, and the bounded queue in front of them, shared by all connections.
final class WorkQueue: Sendable {
    /// Most requests that wait or run.
    let countMax: Int
    private let threads: NIOThreadPool
    private let threadCount: Int
    private let load = NIOLockedValueBox(Load())

    private struct Load {
        var count = 0
        /// Of the latest requests, each weighing an eighth.
        var meanMs = 0.0
    }

    /// Bounds of the hint when to try again.
    private static let retryMsMin = 10.0
    private static let retryMsMax = 10_000.0

    init(threadCount: Int, countMax: Int) {
        self.threadCount = threadCount
        self.countMax = countMax
        threads = NIOThreadPool(numberOfThreads: threadCount)
        threads.start()
    }

    /// Requests that wait or run.
    var count: Int { load.withLockedValue { $0.count } }

    /// Runs `work` on a thread; the future fails only if the queue has been shut down. Throws
    /// `overloaded` when the queue is full, with a hint of how long it takes to empty.
    func run<Result: Sendable>(
        on eventLoop: any EventLoop, _ work: @escaping @Sendable () -> Result
    ) throws(WireError) -> EventLoopFuture<Result> {
        let refusedAfterMs: Double? = load.withLockedValue { load in
            guard load.count < countMax else { return Double(load.count) * load.meanMs }
            load.count += 1
            return nil
        }
        if let refusedAfterMs {
            let hint = refusedAfterMs / Double(threadCount)
            throw WireError(
                .overloaded, "\(countMax) requests wait already",
                retryAfterMs: UInt32(min(max(hint, Self.retryMsMin), Self.retryMsMax)))
        }
        let result = threads.runIfActive(eventLoop: eventLoop) { [load] in
            let started = NIODeadline.now()
            defer {
                let ms = Double((NIODeadline.now() - started).nanoseconds) / 1e6
                load.withLockedValue { $0.meanMs += (ms - $0.meanMs) / 8 }
            }
            return work()
        }
        // Also where the threads are gone and the work is not done.
        result.whenComplete { [load] _ in load.withLockedValue { $0.count -= 1 } }
        return result
    }

    /// Waits for what runs; what waits is failed.
    func shutdown() async {
        // Cannot fail but for being shut down already.
        try? await threads.shutdownGracefully()
    }
}
