internal import EmbeddingAccess
internal import EmbeddingWire
internal import NIOCore

/// Carries out what ``ConnectionState`` decides, on the event loop of one connection.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var state: ConnectionState<EventLoopPromise<Frame>>
    private let stream: NIOSingleStepByteToMessageProcessor<ConnectionDecoder<Welcome>>
    private let hello: Hello
    /// Succeeds once calls can be made.
    private var welcomed: EventLoopPromise<Welcome>?
    private var context: ChannelHandlerContext?
    /// Within a read batch, or with a flush due at the end of this turn of the event loop.
    private var flushIsDue = false
    private var expiry: (deadline: NIODeadline, task: Scheduled<Void>)?

    /// - Parameters:
    ///   - welcomed: is completed by this handler, whatever happens to the connection.
    ///   - queuedMax: most calls that wait beyond those that the server allows unanswered.
    init(hello: Hello, welcomed: EventLoopPromise<Welcome>, queuedMax: Int) {
        self.hello = hello
        self.welcomed = welcomed
        state = ConnectionState(queuedMax: queuedMax)
        stream = NIOSingleStepByteToMessageProcessor(
            ConnectionDecoder<Welcome>(frameBytesMax: Int(UInt32.max)))
    }

    /// Makes a call: `promise` gets the reply's frame, which may carry an error, or fails with
    /// a ``ConnectionError``.
    ///
    /// - Parameter frame: whole and sound.
    func call(_ frame: ByteBuffer, timeout: TimeAmount, promise: EventLoopPromise<Frame>) {
        let deadline = NIODeadline.now() + timeout
        guard let header = FrameHeader(peekingAt: frame) else {
            preconditionFailure("not a frame")
        }
        let call = ConnectionState<EventLoopPromise<Frame>>.Call(
            waiter: promise, frame: frame, requestID: header.requestID,
            operation: header.operation, deadline: deadline)
        switch state.submit(call) {
        case .write:
            write(frame)
        case .wait:
            break
        case .fail(let error):
            promise.fail(error)
            return
        }
        expire(noLaterThan: deadline)
    }

    /// Ends the connection, and with it every call that has no answer yet.
    func close(_ error: ConnectionError) {
        let waiters = state.close(error)
        expiry?.task.cancel()
        expiry = nil
        for promise in waiters { promise.fail(error) }
        welcomed?.fail(error)
        welcomed = nil
        context?.close(promise: nil)
    }

    // MARK: Writing

    private func write(_ frame: ByteBuffer) {
        guard let context else { return }
        context.write(Self.wrapOutboundOut(frame), promise: nil)
        flushLater(context)
    }

    /// Flushes once for all that is written in this turn of the event loop: one system call
    /// for many small frames.
    private func flushLater(_ context: ChannelHandlerContext) {
        guard !flushIsDue else { return }
        flushIsDue = true
        context.eventLoop.assumeIsolated().execute {
            self.flushIsDue = false
            self.context?.flush()
        }
    }

    // MARK: Time

    private func expire(noLaterThan deadline: NIODeadline) {
        if let expiry, expiry.deadline <= deadline { return }
        guard let context else { return }
        expiry?.task.cancel()
        let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.expireNow()
        }
        expiry = (deadline, task)
    }

    private func expireNow() {
        expiry = nil
        let (expired, next) = state.expire(at: .now())
        for promise in expired { promise.fail(ConnectionError.timedOut) }
        if let next { expire(noLaterThan: next) }
    }

    // MARK: Events of the channel

    /// The channel is connected already, unless it was closed in the meantime.
    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        guard context.channel.isActive else {
            return close(.closed(reason: "the server ended it"))
        }
        var buffer = context.channel.allocator.buffer(capacity: Hello.headerBytes)
        hello.write(to: &buffer)
        context.writeAndFlush(Self.wrapOutboundOut(buffer), promise: nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        close(.closed(reason: "it was shut down"))
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            try stream.process(buffer: Self.unwrapInboundIn(data), receive)
        } catch let error as FrameTooLarge {
            close(.protocolViolation("a reply of \(error.header.bodyBytes) bytes"))
        } catch {
            close(.protocolViolation("\(error)"))
        }
    }

    private func receive(_ message: ConnectionDecoder<Welcome>.Message) {
        switch message {
        case .handshake(let welcome):
            switch state.receive(welcome, asked: hello.capabilities) {
            case .open:
                welcomed?.succeed(welcome)
                welcomed = nil
            case .close(let error):
                close(error)
            }
        case .frame(let frame):
            switch state.receive(frame.header) {
            case .deliver(let promise): promise.succeed(frame)
            case .drop: break
            case .close(let error): close(error)
            }
            makeNextCalls()
        }
    }

    /// A reply has made room for calls that queue.
    private func makeNextCalls() {
        while true {
            switch state.next() {
            case .write(let frame): write(frame)
            case .fail(let promise, let error): promise.fail(error)
            case .wait: return
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let moment = welcomed == nil ? "" : " in the handshake; does it ask for TLS, or for none?"
        close(.closed(reason: "the server ended it" + moment))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A connection that was open has ended, whatever TLS finds missing at its end.
        guard welcomed != nil, let failure = TLSFailure(error) else {
            return close(.closed(reason: "\(error)"))
        }
        close(.tlsFailed(reason: failure.description))
    }
}
