import EmbeddingWire
import NIOCore
import Testing

@testable import EmbeddingServer

@Suite struct PendingRequestTests {
    private let encoder = RequestEncoder(requestID: 1)

    /// The request as a slice of a read buffer of `bufferBytes`.
    private func pending(_ bytes: ByteBuffer, in bufferBytes: Int) throws -> PendingRequest {
        var buffer = ByteBufferAllocator().buffer(capacity: bufferBytes)
        buffer.writeImmutableBuffer(bytes)
        var decoder = FrameDecoder(frameBytesMax: 1 << 20)
        let frame = try #require(try decoder.decode(buffer: &buffer))
        let limits = Limits(frameBytesMax: 1 << 20, idsMax: 10_000, requestsInFlightMax: 10)
        return PendingRequest(
            try Request(frame, limits: limits, granted: .all), frame, started: .now())
    }

    @Test func aSmallRequestThatWaitsLeavesTheBufferThatItCameIn() throws {
        let pending = try pending(
            encoder.pull(table: 1, ids: [3, 9], create: false), in: 1 << 20)
        #expect(pending.requestBytes < 1024)
        pending.leaveLargeBuffer()
        let ids = try #require(pending.request.ids)
        #expect(ids.array == [3, 9])
        #expect(ids.bytes.storageCapacity <= 64)
    }

    @Test func everyKindOfRequestMeansTheSameAfterwards() throws {
        let bytes = [
            encoder.push(table: 1, dimension: 2, ids: [1, 2], gradients: [1, 2, 3, 4]),
            encoder.assign(table: 1, dimension: 2, ids: [1, 2], rows: [1, 2, 3, 4]),
            encoder.pool(
                table: 1, mode: .sum, ids: [5, 6], offsets: [0, 1], weights: [2, 3], create: true),
            encoder.delete(table: 1, ids: [7]), encoder.count(table: 1),
        ]
        for bytes in bytes {
            let before = try pending(bytes, in: 1 << 20)
            let after = try pending(bytes, in: 1 << 20)
            after.leaveLargeBuffer()
            #expect("\(meaning(before.request))" == "\(meaning(after.request))")
            for part in parts(after.request) { #expect(part.storageCapacity <= 64) }
        }
    }

    /// While its reply waits for the log, nothing waits for it, and it holds nothing.
    @Test func aWriteThatIsAppliedHoldsNoRows() throws {
        let push = try pending(
            encoder.push(table: 1, dimension: 2, ids: [1, 2], gradients: [1, 2, 3, 4]), in: 64)
        let pull = try pending(encoder.pull(table: 1, ids: [2], create: false), in: 64)
        #expect(push.touches(pull, idByID: true))
        push.dropApplied()
        #expect(!push.touches(pull, idByID: true))
        #expect(push.requestBytes <= 512)
        #expect(push.request.changesRows)
        #expect(parts(push.request).allSatisfy { $0.storageCapacity == 0 })
    }

    /// One that fills its buffer stays there, and the buffer is what is counted.
    @Test func aLargeRequestIsNotCopied() throws {
        let ids = (0..<5000).map { UInt64($0) }
        let pending = try pending(
            encoder.pull(table: 1, ids: ids, create: false), in: 64 << 10)
        let before = try #require(pending.request.ids).bytes.storageCapacity
        #expect(pending.requestBytes >= 64 << 10)
        pending.leaveLargeBuffer()
        #expect(pending.request.ids?.bytes.storageCapacity == before)
    }

    private func parts(_ request: Request) -> [ByteBuffer] {
        switch request {
        case .push(_, _, let ids, let values), .assign(_, _, let ids, let values):
            [ids.bytes, values.bytes]
        case .pool(_, let bags, _, _):
            [bags.ids.bytes, bags.offsets.bytes, bags.weights!.bytes]
        default: request.ids.map { [$0.bytes] } ?? []
        }
    }

    private func meaning(_ request: Request) -> [[UInt8]] {
        parts(request).map { Array($0.readableBytesView) }
    }
}
