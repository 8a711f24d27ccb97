import EmbeddingWire
import Foundation
import NIOCore
import NIOEmbedded
import NIOPosix
import Testing

@testable import EmbeddingServer
@testable import EmbeddingStore

/// One connection without a socket, whose clock a test moves. What it asks for is in memory.
final class EmbeddedConnection {
    let channel = EmbeddedChannel()
    let statistics = RequestStatistics()
    let memory: RequestMemory
    private let socket = StuckSocket()
    private let store: Store
    private let path = TestServer.temporaryPath()
    private let queue: WorkQueue

    /// Replies that it does not take stay in the channel, as in a socket whose peer does not read.
    private final class StuckSocket: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var isStuck = false
        func flush(context: ChannelHandlerContext) { if !isStuck { context.flush() } }
    }

    init(_ options: ServerOptions = ServerOptions()) throws {
        memory = RequestMemory(limitBytes: options.requestMemoryBytesMax)
        queue = WorkQueue(threadCount: 1, countMax: options.requestsQueuedMax)
        store = try Store(path: path, options: .init(memoryBytes: 1 << 20))
        _ = try store.createTable(named: "t", .init(dimension: 4), opensExisting: false)
        let handler = ConnectionHandler(
            dispatcher: Dispatcher(
                store: store, options: options, statistics: statistics, memory: memory,
                diskQueue: queue),
            diskQueue: queue, administrationQueue: queue, requestMemory: memory, options: options,
            isRefused: false, logger: quietLogger)
        try channel.pipeline.syncOperations.addHandlers([socket, handler])
        channel.connect(to: try SocketAddress(unixDomainSocketPath: "/t"), promise: nil)
    }

    /// Ends everything that `init` has begun.
    func end() async throws {
        if channel.isActive { channel.close(promise: nil) }
        await queue.shutdown()
        try store.close()
        try FileManager.default.removeItem(atPath: path)
    }

    var isOpen: Bool { channel.isActive }

    var cutOff: [ConnectionTimeouts.Wait: Int] { statistics.limitFigures.cutOff }

    func send(_ bytes: ByteBuffer) throws { try channel.writeInbound(bytes) }

    func shakeHands() throws {
        var hello = ByteBuffer()
        Hello().write(to: &hello)
        try send(hello)
        var welcome = try #require(try channel.readOutbound(as: ByteBuffer.self))
        #expect(try Welcome.read(from: &welcome)?.refusal == nil)
    }

    /// The next reply; nil when there is none.
    func reply() throws -> Frame? {
        while let bytes = try channel.readOutbound(as: ByteBuffer.self) {
            var bytes = bytes
            if bytes.readableBytes == 0 { continue }
            let header = try #require(FrameHeader(peekingAt: bytes))
            bytes.moveReaderIndex(forwardBy: FrameHeader.byteCount)
            return Frame(header: header, body: bytes)
        }
        return nil
    }

    func advance(seconds: Int64) { channel.embeddedEventLoop.advanceTime(by: .seconds(seconds)) }

    func stopTaking() { socket.isStuck = true }

    func takeAll() {
        socket.isStuck = false
        channel.flush()
        channel.embeddedEventLoop.run()
    }
}
