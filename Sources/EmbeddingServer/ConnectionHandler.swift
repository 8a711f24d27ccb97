internal import EmbeddingWire
internal import Logging
internal import NIOCore
internal import NIOPosix

/// One connection: bytes in, requests to the dispatcher, replies out. It lives on its event loop
/// and nothing of it is touched elsewhere.
///
/// Requests that can be answered from memory are answered here and now, and what a read brought in
/// is flushed together. Those that need the disk go to the disk threads with one hop, and are
/// overtaken meanwhile by whatever does not depend on them. While too much is under way or unsent,
/// nothing more is read: back-pressure reaches the client through the socket.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let dispatcher: Dispatcher
    private let diskThreads: NIOThreadPool
    private let administrationThread: NIOThreadPool
    private let options: ServerOptions
    private let logger: Logger
    private let isRefused: Bool

    private var decoder: ConnectionDecoder<Hello>
    private var stream = ByteBuffer()
    private var granted: Capabilities = []

    private var order = WriteOrder()
    /// Requests that have waited for a write and may run now, in the order in which they came.
    private var ready = CircularBuffer<PendingRequest>()
    /// Requests on the disk threads or waiting for one there, and the bytes that they hold.
    private var requestsInFlight = 0
    /// Those of them that are on a disk thread.
    private var requestsRunning = 0
    private var bytesInFlight = 0
    /// Bytes written since the last flush.
    private var unflushedBytes = 0

    private var isDecoding = false
    private var isReadWanted = false
    /// The client has closed its side: nothing comes behind what is in the stream.
    private var isInputClosed = false
    /// No more requests are taken: the client is done or broke the protocol, or the server stops.
    private var isEnding = false
    private var isClosing = false
    /// All replies have been taken by the socket, so that closing the whole loses none.
    private var isDrained = false

    /// A long run of replies is flushed in parts, so that the client can begin.
    private static let flushBytes = 256 << 10
    private static let reservedBytesMin = 1 << 20

    init(
        dispatcher: Dispatcher, diskThreads: NIOThreadPool, administrationThread: NIOThreadPool,
        options: ServerOptions, isRefused: Bool, logger: Logger
    ) {
        self.dispatcher = dispatcher
        self.diskThreads = diskThreads
        self.administrationThread = administrationThread
        self.options = options
        self.isRefused = isRefused
        self.logger = logger
        decoder = ConnectionDecoder(frameBytesMax: options.frameBytesMax)
    }

    // MARK: reading

    func channelActive(context: ChannelHandlerContext) {
        if isRefused {
            let refusal = WireError(
                .tooManyConnections, "the server has as many connections as it allows")
            write(context, Welcome(refusing: refusal, limits: dispatcher.limits))
            end(context)
        }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if isEnding { return }
        if stream.readableBytes == 0 {
            stream = bytes
        } else {
            stream.writeBuffer(&bytes)
        }
        decode(context)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush(context)
        context.fireChannelReadComplete()
    }

    /// Takes requests for as long as there is room for them: first those whose turn has come, then
    /// what is in the stream.
    private func decode(_ context: ChannelHandlerContext) {
        // A reply written below may call back through channelWritabilityChanged.
        if isDecoding { return }
        isDecoding = true
        defer { isDecoding = false }
        while let next = ready.first, mayRunReady(context) {
            ready.removeFirst()
            run(context, next)
        }
        while ready.isEmpty, !isEnding, !isSaturated(context) {
            do {
                guard let message = try decoder.decode(buffer: &stream) else {
                    if isInputClosed { end(context) }
                    break
                }
                handle(context, message)
            } catch {
                refuse(context, error)
            }
        }
        makeRoomInStream()
    }

    /// Lets go of what was read, and makes room for much of a long frame at once, though not for
    /// what has only been announced.
    private func makeRoomInStream() {
        if stream.readableBytes == 0 {
            stream = ByteBuffer()
            return
        }
        stream.discardReadBytes()
        if let header = FrameHeader(peekingAt: stream),
            Int(header.bodyBytes) <= options.frameBytesMax
        {
            stream.reserveCapacity(
                min(
                    FrameHeader.byteCount + Int(header.bodyBytes),
                    max(Self.reservedBytesMin, 2 * stream.readableBytes)))
        }
    }

    /// Those that are ready hold bytes themselves; if nothing else runs, one of them must.
    private func mayRunReady(_ context: ChannelHandlerContext) -> Bool {
        context.channel.isWritable
            && (requestsRunning == 0 || bytesInFlight < options.bytesInFlightMax)
    }

    private func isSaturated(_ context: ChannelHandlerContext) -> Bool {
        requestsInFlight >= options.requestsInFlightMax || bytesInFlight >= options.bytesInFlightMax
            || !context.channel.isWritable
    }

    func read(context: ChannelHandlerContext) {
        if isSaturated(context), !isEnding {
            isReadWanted = true
        } else {
            context.read()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        resume(context)
        context.fireChannelWritabilityChanged()
    }

    /// Goes on with what waited for room.
    private func resume(_ context: ChannelHandlerContext) {
        decode(context)
        flush(context)
        if isReadWanted, !isSaturated(context) {
            isReadWanted = false
            context.read()
        }
        if isEnding { closeWhenIdle(context) }
    }

    // MARK: requests

    private func handle(
        _ context: ChannelHandlerContext, _ message: ConnectionDecoder<Hello>.Message
    ) {
        switch message {
        case .handshake(let hello):
            let welcome = options.access.welcome(
                hello, capabilities: dispatcher.capabilities, limits: dispatcher.limits)
            granted = welcome.capabilities
            write(context, welcome)
            if let refusal = welcome.refusal {
                logger.notice(
                    "connection refused",
                    metadata: [
                        "reason": "\(refusal)",
                        "from": "\(context.remoteAddress?.description ?? "")",
                    ])
                end(context)
            }
        case .frame(let frame):
            let started = NIODeadline.now()
            do {
                let request = try Request(frame, limits: dispatcher.limits, granted: granted)
                try dispatcher.check(request, granted: granted)
                start(context, PendingRequest(request, frame, started: started))
            } catch {
                reply(
                    context,
                    Reply(to: frame.header, allocator: context.channel.allocator).error(error),
                    to: frame.header, started: started, failed: true)
            }
        }
    }

    /// Runs a request now, or after the writes before it that it depends on.
    private func start(_ context: ChannelHandlerContext, _ pending: PendingRequest) {
        if order.mustWait(pending) {
            took(pending, replyBytes: 0)
            return
        }
        run(context, pending)
    }

    private func run(_ context: ChannelHandlerContext, _ pending: PendingRequest) {
        switch dispatcher.start(
            pending.request, pending.header, granted: granted, context.channel.allocator)
        {
        case .done(let frame, let failed):
            reply(context, frame, to: pending.header, started: pending.started, failed: failed)
            finished(context, pending)
        case .logged(let answer) where answer.isDue:
            reply(
                context, answer.frame, to: pending.header, started: pending.started,
                failed: answer.failed)
            finished(context, pending)
        case .logged(let answer):
            // It has been applied: what comes after it sees it, and need not wait.
            took(pending, replyBytes: answer.frame.readableBytes)
            requestsRunning += 1
            acknowledge(context, pending, answer)
        case .blocks(let replyBytes, let work):
            order.began(pending)
            took(pending, replyBytes: replyBytes)
            requestsRunning += 1
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            let threads = pending.request.isAboutRows ? diskThreads : administrationThread
            threads.runIfActive(eventLoop: context.eventLoop, work).whenComplete { result in
                let (handler, context) = bound.value
                handler.completed(context, pending, result)
            }
        }
    }

    private func completed(
        _ context: ChannelHandlerContext, _ pending: PendingRequest,
        _ result: Result<Dispatcher.Answer, any Error>
    ) {
        let answer =
            switch result {
            case .success(let answer): answer
            // The work itself does not throw: the thread was not there any more.
            case .failure:
                dispatcher.refusal(
                    WireError(.shuttingDown, "the server is stopping"), pending.header,
                    context.channel.allocator)
            }
        acknowledge(context, pending, answer)
    }

    /// Replies once the log has what was done; an error when it cannot be written.
    private func acknowledge(
        _ context: ChannelHandlerContext, _ pending: PendingRequest, _ answer: Dispatcher.Answer
    ) {
        if answer.isDue { return acknowledged(context, pending, answer) }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        answer.whenDue { failure in
            eventLoop.execute {
                let (handler, context) = bound.value
                let answer =
                    failure.map {
                        handler.dispatcher.refusal(
                            $0, pending.header, context.channel.allocator)
                    } ?? answer
                handler.acknowledged(context, pending, answer)
            }
        }
    }

    private func acknowledged(
        _ context: ChannelHandlerContext, _ pending: PendingRequest, _ answer: Dispatcher.Answer
    ) {
        reply(
            context, answer.frame, to: pending.header, started: pending.started,
            failed: answer.failed)
        requestsRunning -= 1
        finished(context, pending)
        resume(context)
    }

    /// Accounts for a request that does not get its reply at once.
    private func took(_ pending: PendingRequest, replyBytes: Int) {
        if pending.heldBytes == nil { requestsInFlight += 1 }
        let bytes = pending.requestBytes + replyBytes
        bytesInFlight += bytes - (pending.heldBytes ?? 0)
        pending.heldBytes = bytes
    }

    /// Lets go of a request that has its reply; what waited for it is taken when there is room.
    private func finished(_ context: ChannelHandlerContext, _ pending: PendingRequest) {
        if let held = pending.heldBytes {
            requestsInFlight -= 1
            bytesInFlight -= held
        }
        ready.append(contentsOf: order.ended(pending))
    }

    // MARK: replies

    private func reply(
        _ context: ChannelHandlerContext, _ frame: ByteBuffer, to header: FrameHeader,
        started: NIODeadline, failed: Bool
    ) {
        dispatcher.statistics.record(
            operation: header.operation, latency: NIODeadline.now() - started, failed: failed)
        write(context, frame)
    }

    private func write(_ context: ChannelHandlerContext, _ welcome: Welcome) {
        var bytes = context.channel.allocator.buffer(capacity: Welcome.headerBytes)
        welcome.write(to: &bytes)
        write(context, bytes)
    }

    private func write(_ context: ChannelHandlerContext, _ bytes: ByteBuffer) {
        unflushedBytes += bytes.readableBytes
        context.write(wrapOutboundOut(bytes), promise: nil)
        if unflushedBytes >= Self.flushBytes { flush(context) }
    }

    private func flush(_ context: ChannelHandlerContext) {
        if unflushedBytes == 0 { return }
        unflushedBytes = 0
        context.flush()
    }

    // MARK: ending

    /// Answers what cannot be read on from, and ends.
    private func refuse(_ context: ChannelHandlerContext, _ error: any Error) {
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
    private func end(_ context: ChannelHandlerContext) {
        isEnding = true
        flush(context)
        closeWhenIdle(context)
    }

    /// Closes once everything is answered: our side first, so that the client reads all replies,
    /// the whole when the client has closed its own or has had time to. A close with unread bytes
    /// would take replies back that TCP has not delivered.
    private func closeWhenIdle(_ context: ChannelHandlerContext) {
        guard requestsInFlight == 0, ready.isEmpty, !isClosing else { return }
        isClosing = true
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
            end(context)
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

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("connection failed", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }
}
