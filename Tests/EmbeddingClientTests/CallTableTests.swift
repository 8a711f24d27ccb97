import NIOCore
import Testing

@testable import EmbeddingClient

@Suite struct CallTableTests {
    private func time(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    private func answered(_ removal: CallTable<Int>.Removal) -> Int? {
        if case .answered(let waiter) = removal { waiter } else { nil }
    }

    private func insert(
        _ waiter: Int, as requestID: UInt32, _ table: inout CallTable<Int>, until seconds: Int64 = 1
    ) -> Bool {
        table.insert(waiter, requestID: requestID, operation: 1, deadline: time(seconds))
    }

    @Test func callsAreFoundByTheirID() {
        var table = CallTable<Int>(capacity: 100)
        for call in 0..<100 {
            #expect(!table.isFull)
            #expect(insert(call, as: UInt32.max - UInt32(call), &table))
        }
        #expect(table.isFull)
        #expect(table.waitingCount == 100)
        for call in (0..<100).reversed() {
            #expect(answered(table.remove(UInt32.max - UInt32(call), operation: 1)) == call)
        }
        #expect(table.waitingCount == 0)
    }

    @Test func anIDIsUsedByOneCallAtATime() {
        var table = CallTable<Int>(capacity: 3)
        #expect(insert(1, as: 7, &table))
        #expect(!insert(2, as: 7, &table))
        #expect(answered(table.remove(7, operation: 2)) == nil)
        #expect(answered(table.remove(8, operation: 1)) == nil)
        #expect(answered(table.remove(7, operation: 1)) == 1)
        #expect(answered(table.remove(7, operation: 1)) == nil)
        #expect(insert(3, as: 7, &table))
        #expect(table.removeAll() == [3])
        #expect(table.waitingCount == 0)
    }

    @Test func aTimedOutCallKeepsItsIDUntilTheLateReply() {
        var table = CallTable<Int>(capacity: 1)
        #expect(insert(1, as: 7, &table, until: 5))
        var (expired, next) = table.expire(at: time(4))
        #expect(expired.isEmpty)
        #expect(next == time(5))
        (expired, next) = table.expire(at: time(5))
        #expect(expired == [1])
        #expect(next == nil)
        #expect(table.isFull)
        #expect(table.waitingCount == 0)
        guard case .late = table.remove(7, operation: 1) else {
            Issue.record("the reply was not seen as late")
            return
        }
        #expect(!table.isFull)
    }
}
