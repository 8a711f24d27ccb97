import NIOCore
import Testing

@testable import EmbeddingClient

@Suite struct CallTableTests {
    private func time(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    private func answered(_ removal: CallTable<Int>.Removal) -> Int? {
        if case .answered(let waiter) = removal { waiter } else { nil }
    }

    @Test func idsDifferAmongCallsThatWait() {
        var table = CallTable<Int>(capacity: 100)
        let ids = (0..<100).map { table.insert($0, operation: 1, deadline: time(1)) }
        #expect(Set(ids).count == 100)
        #expect(table.isFull)
        #expect(table.waitingCount == 100)
        for (call, id) in ids.enumerated().reversed() {
            #expect(answered(table.remove(id, operation: 1)) == call)
        }
        #expect(table.waitingCount == 0)
    }

    @Test func aReplyIsTakenOnce() {
        var table = CallTable<Int>(capacity: 2)
        let first = table.insert(1, operation: 1, deadline: time(1))
        #expect(answered(table.remove(first, operation: 1)) == 1)
        let second = table.insert(2, operation: 1, deadline: time(1))
        // The slot is used again, under another id.
        #expect(first != second)
        #expect(answered(table.remove(first, operation: 1)) == nil)
        #expect(answered(table.remove(second, operation: 2)) == nil)
        #expect(answered(table.remove(0xFFFF, operation: 1)) == nil)
        #expect(answered(table.remove(second, operation: 1)) == 2)
    }

    @Test func aSlotStaysTakenUntilTheLateReply() {
        var table = CallTable<Int>(capacity: 1)
        let id = table.insert(1, operation: 1, deadline: time(5))
        var (expired, next) = table.expire(at: time(4))
        #expect(expired.isEmpty)
        #expect(next == time(5))
        (expired, next) = table.expire(at: time(5))
        #expect(expired == [1])
        #expect(next == nil)
        #expect(table.isFull)
        #expect(table.waitingCount == 0)
        guard case .late = table.remove(id, operation: 1) else {
            Issue.record("the reply was not seen as late")
            return
        }
        #expect(!table.isFull)
    }

    /// Against a dictionary, with calls made, answered and expired at random.
    @Test(arguments: [1, 2, 3])
    func itBehavesLikeADictionary(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        var table = CallTable<Int>(capacity: 8)
        var waiting: [UInt32: (call: Int, deadline: NIODeadline)] = [:]
        var late: Set<UInt32> = []
        var clock: Int64 = 0
        for call in 0..<20_000 {
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                #expect(table.isFull == (waiting.count + late.count == 8))
                guard !table.isFull else { break }
                let deadline = time(clock + Int64.random(in: 1...20, using: &random))
                let id = table.insert(call, operation: 9, deadline: deadline)
                #expect(waiting[id] == nil && !late.contains(id))
                waiting[id] = (call, deadline)
            case 2, 3:
                if let id = waiting.keys.min() {
                    #expect(answered(table.remove(id, operation: 9)) == waiting[id]?.call)
                    waiting[id] = nil
                }
            default:
                clock += 1
                let (expired, next) = table.expire(at: time(clock))
                let over = waiting.filter { $0.value.deadline <= time(clock) }
                #expect(Set(expired) == Set(over.values.map(\.call)))
                for id in over.keys {
                    waiting[id] = nil
                    late.insert(id)
                }
                #expect(next == waiting.values.map(\.deadline).min())
                if let id = late.min() {
                    late.remove(id)
                    #expect(answered(table.remove(id, operation: 9)) == nil)
                }
            }
            #expect(table.waitingCount == waiting.count)
        }
    }
}
