internal import EmbeddingWire
internal import NIOCore

/// What is written, and how much of it the socket has taken.
extension ConnectionHandler {
    func reply(
        _ context: ChannelHandlerContext, _ frame: ByteBuffer, to header: FrameHeader,
        started: NIODeadline, failed: Bool
    ) {
        dispatcher.statistics.record(
            operation: header.operation, latency: NIODeadline.now() - started, failed: failed)
        write(context, frame)
    }

    func refuse(
        _ context: ChannelHandlerContext, _ error: WireError, _ header: FrameHeader,
        started: NIODeadline
    ) {
        let answer = dispatcher.refusal(error, header, context.channel.allocator)
        reply(context, answer.frame, to: header, started: started, failed: answer.failed)
    }

    static let stopping = WireError(.shuttingDown, "the server is stopping")

    func write(_ context: ChannelHandlerContext, _ welcome: Welcome) {
        var bytes = context.channel.allocator.buffer(capacity: Welcome.headerBytes)
        welcome.write(to: &bytes)
        write(context, bytes)
    }

    func write(_ context: ChannelHandlerContext, _ bytes: ByteBuffer) {
        unflushedBytes += bytes.readableBytes
        writtenBytes += bytes.readableBytes
        memory.unsentBytes += bytes.readableBytes
        context.write(wrapOutboundOut(bytes), promise: nil)
        if unflushedBytes >= Self.flushBytes { flush(context) }
    }

    func flush(_ context: ChannelHandlerContext) {
        if unflushedBytes > 0 {
            unflushedBytes = 0
            context.flush()
        }
        countUnsent(context)
    }

    /// Asks the socket how much it has left, which costs less than a promise for each reply; while
    /// it has any, an empty write behind it tells when all has been taken.
    func countUnsent(_ context: ChannelHandlerContext) {
        if memory.unsentBytes == 0 { return }
        // It throws only where the channel is closed.
        let options = context.channel.syncOptions
        memory.unsentBytes = (try? options?.getOption(.bufferedWritableBytes)) ?? 0
        guard memory.unsentBytes > 0, !isDrainAwaited else { return }
        isDrainAwaited = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in
            let (handler, context) = bound.value
            handler.isDrainAwaited = false
            if !handler.isGone { handler.resume(context) }
        }
    }
}
