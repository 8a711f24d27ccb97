import EmbeddingWire
import NIOCore
import Testing

@testable import EmbeddingServer

@Suite struct WriteOrderTests {
    private let encoder = RequestEncoder()

    private func pending(_ bytes: ByteBuffer) throws -> PendingRequest {
        let header = try #require(FrameHeader(peekingAt: bytes))
        var body = bytes
        body.moveReaderIndex(forwardBy: FrameHeader.byteCount)
        let frame = Frame(header: header, body: body)
        let limits = Limits(frameBytesMax: 1 << 20, idsMax: 1000, requestsInFlightMax: 10)
        return PendingRequest(
            try Request(frame, limits: limits, granted: .all), frame, started: .now())
    }

    private func push(_ ids: [UInt64], table: UInt32 = 1) throws -> PendingRequest {
        let gradients = Array(repeating: Float(1), count: ids.count)
        return try pending(encoder.push(table: table, dimension: 1, ids: ids, gradients: gradients))
    }

    private func pull(_ ids: [UInt64], table: UInt32 = 1) throws -> PendingRequest {
        try pending(encoder.pull(table: table, ids: ids, create: false))
    }

    @Test func whatTouchesAWriteWaitsForIt() throws {
        var order = WriteOrder()
        order.began(try push([1, 2, 3]))
        let waits: [PendingRequest] = [
            try pull([9, 3]), try push([1]), try pending(encoder.delete(table: 1, ids: [2])),
            try pending(encoder.assign(table: 1, dimension: 1, ids: [3], rows: [0])),
            try pending(
                encoder.pool(table: 1, mode: .sum, ids: [7, 1], offsets: [0], create: false)),
            try pending(encoder.count(table: 1)), try pending(encoder.stats(table: 1)),
            try pending(encoder.stats()), try pending(encoder.dropTable(1)),
            try pending(encoder.checkpoint(path: "/x")),
        ]
        for request in waits {
            let waits = order.mustWait(request)
            #expect(waits, "\(request.request)")
        }
    }

    /// Where ids share rows, another id may mean the same row.
    @Test func whereIDsShareRowsOtherIDsWaitToo() throws {
        var order = WriteOrder()
        order.began(try push([1, 2, 3]))
        let (same, other) = (try pull([4]), try pull([4], table: 2))
        let waits = order.mustWait(same, idsShareRows: { $0 == 1 })
        #expect(waits)
        let waitsElsewhere = order.mustWait(other, idsShareRows: { _ in true })
        #expect(!waitsElsewhere)
    }

    @Test func whatDoesNotTouchAWriteOvertakesIt() throws {
        var order = WriteOrder()
        order.began(try push([1, 2, 3]))
        let overtakes: [PendingRequest] = [
            try pull([4]), try pull([]), try pull([1], table: 2), try push([4]),
            try push([1], table: 2),
            try pending(encoder.count(table: 2)), try pending(encoder.ping()),
            try pending(encoder.listTables()), try pending(try encoder.openTable(name: "t")),
        ]
        for request in overtakes {
            let waits = order.mustWait(request)
            #expect(!waits, "\(request.request)")
        }
    }

    @Test func readsAreNotWaitedFor() throws {
        var order = WriteOrder()
        let read = try pull([1])
        order.began(read)
        #expect(order.isEmpty)
        expectWaiting(&order, try push([1]), false)
        expectEnd(&order, read, [])
    }

    @Test func aRequestIsReturnedByTheLastWriteThatItWaitsFor() throws {
        var order = WriteOrder()
        let one = try push([1])
        let two = try push([2])
        order.began(one)
        order.began(two)
        let both = try pull([1, 2])
        let other = try pull([2])
        expectWaiting(&order, both, true)
        expectWaiting(&order, other, true)
        expectEnd(&order, two, [other])
        expectEnd(&order, one, [both])
        #expect(order.isEmpty)
    }

    /// Writes to one id run in the order in which they came, and a read among them sees those
    /// before it.
    @Test func writesThatWaitAreWaitedForInTurn() throws {
        var order = WriteOrder()
        let first = try push([1])
        let second = try push([1, 2])
        let third = try pull([2])
        order.began(first)
        expectWaiting(&order, second, true)
        expectWaiting(&order, third, true)
        expectEnd(&order, first, [second])
        #expect(!order.isEmpty)
        order.began(second)
        expectEnd(&order, second, [third])
        #expect(order.isEmpty)
    }

    private func expectWaiting(
        _ order: inout WriteOrder, _ request: PendingRequest, _ expected: Bool,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let waits = order.mustWait(request)
        #expect(waits == expected, sourceLocation: sourceLocation)
    }

    private func expectEnd(
        _ order: inout WriteOrder, _ request: PendingRequest, _ expected: [PendingRequest],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let free = order.ended(request)
        #expect(
            free.map(ObjectIdentifier.init) == expected.map(ObjectIdentifier.init),
            sourceLocation: sourceLocation)
    }
}
