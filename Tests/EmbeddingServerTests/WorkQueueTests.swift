import EmbeddingWire
import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import EmbeddingServer

@Suite struct WorkQueueTests {
    private let eventLoop = MultiThreadedEventLoopGroup.singleton.next()

    private func refusal(_ queue: WorkQueue) -> WireError? {
        do throws(WireError) {
            _ = try queue.run(on: eventLoop) {}
            return nil
        } catch {
            return error
        }
    }

    @Test func aFullQueueRefusesAndHasRoomAgain() async throws {
        let queue = WorkQueue(threadCount: 1, countMax: 3)
        let gate = DispatchSemaphore(value: 0)
        let results = try (0..<3).map { number in
            try queue.run(on: eventLoop) {
                gate.wait()
                return number
            }
        }
        #expect(queue.count == 3)
        let error = try #require(refusal(queue))
        #expect(error.code == .overloaded)
        #expect(error.retryAfterMs >= 10)
        #expect(queue.count == 3)
        for (number, result) in results.enumerated() {
            gate.signal()
            #expect(try await result.get() == number)
        }
        #expect(try await queue.run(on: eventLoop) { "again" }.get() == "again")
        #expect(queue.count == 0)
        await queue.shutdown()
    }

    /// The hint is about what the queue takes to empty: longer work, longer hint.
    @Test func theHintFollowsTheWork() async throws {
        let queue = WorkQueue(threadCount: 1, countMax: 2)
        for _ in 0..<8 {
            try await queue.run(on: eventLoop) { Thread.sleep(forTimeInterval: 0.05) }.get()
        }
        let gate = DispatchSemaphore(value: 0)
        let stuck = try (0..<2).map { _ in try queue.run(on: eventLoop) { gate.wait() } }
        // Two thirds of 50 ms are in the mean after eight of them, and two requests wait.
        #expect(try #require(refusal(queue)).retryAfterMs >= 60)
        for result in stuck {
            gate.signal()
            try await result.get()
        }
        await queue.shutdown()
    }

    @Test func workAfterTheShutdownFails() async throws {
        let queue = WorkQueue(threadCount: 1, countMax: 2)
        await queue.shutdown()
        let result = try queue.run(on: eventLoop) { 1 }
        await #expect(throws: (any Error).self) { try await result.get() }
        #expect(queue.count == 0)
    }
}
