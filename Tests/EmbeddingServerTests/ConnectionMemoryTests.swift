import EmbeddingWire
import Testing

@testable import EmbeddingServer

@Suite struct ConnectionMemoryTests {
    private func refusal(_ body: () throws(WireError) -> Void) -> ErrorCode? {
        do throws(WireError) {
            try body()
            return nil
        } catch {
            // Only what may pass by itself is worth trying again.
            #expect((error.retryAfterMs > 0) == (error.code == .overloaded))
            return error.code
        }
    }

    @Test func connectionsShareOneLimit() throws {
        let shared = RequestMemory(limitBytes: 1 << 20)
        var first = ConnectionMemory(of: shared)
        var second = ConnectionMemory(of: shared)
        try first.reserve(900 << 10)
        first.inFlightBytes = 900 << 10
        first.settle()
        #expect(shared.takenBytes == 900 << 10)
        #expect(refusal { () throws(WireError) in try second.reserve(200 << 10) } == .overloaded)
        // A refusal takes nothing, and smaller requests go on.
        #expect(shared.takenBytes == 900 << 10)
        #expect(refusal { () throws(WireError) in try second.reserve(100 << 10) } == nil)
        first.inFlightBytes = 0
        first.settle()
        second.settle()
        #expect(shared.takenBytes == 0)
        #expect(refusal { () throws(WireError) in try second.reserve(1 << 20) } == nil)
    }

    @Test func whatNeverFitsIsTooLarge() {
        let shared = RequestMemory(limitBytes: 1 << 20)
        var memory = ConnectionMemory(of: shared)
        #expect(refusal { () throws(WireError) in try memory.reserve(1 << 20 + 1) } == .tooLarge)
        #expect(
            refusal { () throws(WireError) in try memory.reserveWaiting(800 << 10) } == .tooLarge)
    }

    /// A batch of requests that are answered at once is counted once.
    @Test func aLeaseIsUsedForManyRequests() throws {
        let shared = RequestMemory(limitBytes: 1 << 20)
        var memory = ConnectionMemory(of: shared)
        for _ in 0..<100 { try memory.reserve(1000) }
        #expect(shared.takenBytes == 64 << 10)
        memory.settle()
        #expect(shared.takenBytes == 0)
        // What is held already is counted, wherever the limit is.
        memory.unsentBytes = 2 << 20
        memory.settle()
        #expect(shared.takenBytes == 2 << 20)
        #expect(memory.isFull)
    }

    @Test func theLastQuarterIsForWhatDoesNotWait() throws {
        let shared = RequestMemory(limitBytes: 1 << 20)
        var waiting = ConnectionMemory(of: shared)
        waiting.inFlightBytes = 768 << 10
        #expect(
            refusal { () throws(WireError) in try waiting.reserveWaiting(768 << 10) } == nil)
        waiting.inFlightBytes += 1
        #expect(refusal { () throws(WireError) in try waiting.reserveWaiting(1) } == .overloaded)
        var other = ConnectionMemory(of: shared)
        #expect(refusal { () throws(WireError) in try other.reserve(200 << 10) } == nil)
    }
}
