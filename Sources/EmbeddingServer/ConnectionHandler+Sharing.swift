internal import EmbeddingWire
internal import NIOCore

/// The memory that a client on this machine shares with its connection.
extension ConnectionHandler {
    /// What a connection is offered: memory is found by the process at the other end of a Unix socket.
    func capabilities(_ context: ChannelHandlerContext) -> Capabilities {
        if case .unixDomainSocket = context.localAddress { return dispatcher.capabilities }
        return dispatcher.capabilities.subtracting(.sharedReplies)
    }

    /// Makes memory for the rows of replies, once for a connection. It is counted for as long as that
    /// lasts, with what requests hold, and one connection may have a quarter of what they may.
    func share(
        _ context: ChannelHandlerContext, _ header: FrameHeader, byteCount: UInt64,
        started: NIODeadline
    ) throws(WireError) {
        guard replyMemory == nil else {
            throw WireError(.malformed, "this connection shares memory already")
        }
        let most = memory.limitBytes / 4
        guard byteCount > 0, byteCount <= UInt64(most), case let byteCount = Int(byteCount) else {
            throw WireError(
                .tooLarge, "\(byteCount) bytes cannot be shared; 1 to \(most) can")
        }
        try memory.reserveWaiting(ReplyMemory.inPages(byteCount))
        let made = try ReplyMemory(byteCount: byteCount)
        memory.sharedBytes = Int(made.description.byteCount)
        replyMemory = made
        let reply = Reply(to: header, allocator: context.channel.allocator).shared(made.description)
        self.reply(context, reply, to: header, started: started, failed: false)
    }
}
