internal import EmbeddingStore
internal import EmbeddingWire
internal import Logging
internal import NIOCore

/// How a connection ends: refused, at the client's or the server's word, cut off, or gone.
extension ConnectionHandler {
    /// Answers what cannot be read on from, and ends.
    func refuse(_ context: ChannelHandlerContext, _ error: any Error) {
        switch error {
        case let error as FrameTooLarge:
            write(
                context,
                Reply(to: error.header, allocator: context.channel.allocator).error(error.wireError)
            )
        case let error as WireError:
            write(context, Welcome(refusing: error, limits: dispatcher.limits))
        default:
            logger.error("decoding failed", metadata: ["error": "\(error)"])
        }
        logger.debug("connection refused", metadata: ["reason": "\(error)"])
        end(context)
    }

    /// Takes no more requests, and closes when those under way have their replies.
    func end(_ context: ChannelHandlerContext) {
        phase = .ending
        flush(context)
        closeWhenIdle(context)
    }

    /// Closes once everything is answered: our side first, so that the client reads all replies,
    /// the whole when the client has closed its own or has had time to. A close with unread bytes
    /// would take replies back that TCP has not delivered.
    func closeWhenIdle(_ context: ChannelHandlerContext) {
        guard requestsInFlight == 0, ready.isEmpty, !isClosing else { return }
        isClosing = true
        phase = .ending
        // Nothing to be read; and what is written waits for a TLS handshake that may never be done.
        if writtenBytes == 0 {
            context.close(promise: nil)
            return
        }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        // An empty write is done when all before it are.
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in
            let (handler, context) = bound.value
            handler.isDrained = true
            if handler.isInputClosed {
                context.close(promise: nil)
                return
            }
            context.close(mode: .output, promise: nil)
            context.eventLoop.scheduleTask(in: Self.lingerTime) {
                bound.value.1.close(promise: nil)
            }
        }
    }

    /// How long a client has to close its side after ours.
    private static let lingerTime = TimeAmount.seconds(1)

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            logger.trace("connection stops")
            if phase == .serving { phase = .stopping }
            resume(context)
        case ChannelEvent.inputClosed:
            // A client may close its side and still read its replies.
            isInputClosed = true
            if isDrained {
                context.close(promise: nil)
            } else {
                resume(context)
            }
        default:
            break
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// Ends a connection that was waited for too long; what it held is free.
    func cutOff(_ context: ChannelHandlerContext, _ wait: ConnectionTimeouts.Wait) {
        dispatcher.statistics.countCutOff(wait)
        logger.debug("connection cut off", metadata: ["waitedFor": "\(wait)"])
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        isGone = true
        phase = .ending
        timeouts?.stop()
        announcer?.end()
        received = ReceiveBuffer(frameBytesMax: options.frameBytesMax)
        memory.receivedBytes = 0
        memory.unsentBytes = 0
        sharing.end()
        letGo()
        context.fireChannelInactive()
    }

    /// Forgets what has not begun, now that nobody waits for it. What is on a disk thread goes on,
    /// and holds its memory till then.
    func letGo() {
        while let pending = ready.popFirst() { finished(pending) }
        memory.settle()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("connection failed", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }
}
