internal import EmbeddingWire
internal import Logging
internal import NIOCore

/// One connection: bytes in, requests to the dispatcher, replies out. It lives on its event loop
/// and nothing of it is touched elsewhere.
///
/// Requests that can be answered from memory are answered here and now, and what a read brought in
/// is flushed together. Those that need the disk go to the disk threads with one hop, and are
/// overtaken meanwhile by whatever does not depend on them.
///
/// While too much of this connection is under way or unsent, nothing more is read: back-pressure
/// reaches the client through the socket. What all connections hold is not waited for: requests
/// that find no room, or a full queue, are answered `overloaded`. A connection so only ever waits
/// for itself.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let dispatcher: Dispatcher
    private let diskQueue: WorkQueue
    private let administrationQueue: WorkQueue
    private let options: ServerOptions
    private let logger: Logger
    private let isRefused: Bool

    private var received: ReceiveBuffer
    private var granted: Capabilities = []

    private var order = WriteOrder()
    /// Requests that have waited for a write and may run now, in the order in which they came.
    private var ready = CircularBuffer<PendingRequest>()
    /// Requests on the disk threads or waiting for one there.
    private var requestsInFlight = 0
    /// Those of them that are on a disk thread.
    private var requestsRunning = 0
    /// The bytes that all of this holds.
    private var memory: ConnectionMemory
    /// Bytes written since the last flush.
    private var unflushedBytes = 0
    /// Bytes written and bytes taken by the socket since the connection began.
    private var writtenBytes = 0
    private var takenBytes = 0
    private var timeouts: ConnectionTimeouts?

    private var phase = Phase.serving
    private var isDecoding = false
    private var isReadWanted = false
    /// Bytes have come since the timeouts were looked at.
    private var hasReceived = false
    /// An empty write will tell when the socket has taken all that was written.
    private var isDrainAwaited = false
    /// The client has closed its side: nothing comes behind what has been received.
    private var isInputClosed = false
    private var isClosing = false
    /// The channel is closed.
    private var isGone = false
    /// All replies have been taken by the socket, so that closing the whole loses none.
    private var isDrained = false

    /// A long run of replies is flushed in parts, so that the client can begin.
    private static let flushBytes = 256 << 10
    /// With as much unsent, a connection is not read from while the memory of all is full: even
    /// refusals take some.
    private static let unsentBytesMaxWhenFull = 64 << 10

    /// The beginning of a frame that any connection may keep.
    private static let keptBytesMin = 4 << 10

    private enum Phase {
        case serving
        /// The server stops: requests under way get their replies, and later ones a refusal.
        case stopping
        /// Nothing more is read: the client is done, has broken the protocol, or is gone.
        case ending
    }

    init(
        dispatcher: Dispatcher, diskQueue: WorkQueue, administrationQueue: WorkQueue,
        requestMemory: RequestMemory, options: ServerOptions, isRefused: Bool, logger: Logger
    ) {
        self.dispatcher = dispatcher
        self.diskQueue = diskQueue
        self.administrationQueue = administrationQueue
        memory = ConnectionMemory(of: requestMemory)
        self.options = options
        self.isRefused = isRefused
        self.logger = logger
        received = ReceiveBuffer(frameBytesMax: options.frameBytesMax)
    }

    // MARK: reading

    func channelActive(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timeouts = ConnectionTimeouts(
            options, eventLoop: context.eventLoop,
            refresh: {
                let (handler, context) = bound.value
                handler.countUnsent(context)
                handler.settle(context)
            },
            overdue: { wait in
                let (handler, context) = bound.value
                handler.cutOff(context, wait)
            })
        if isRefused {
            let refusal = WireError(
                .tooManyConnections, "the server has as many connections as it allows")
            write(context, Welcome(refusing: refusal, limits: dispatcher.limits))
            end(context)
        }
        settle(context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if phase == .ending { return }
        hasReceived = true
        received.append(unwrapInboundIn(data))
        decode(context)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush(context)
        settle(context)
        context.fireChannelReadComplete()
    }

    /// Takes requests for as long as there is room for them: first those whose turn has come, then
    /// what has been received. Once the server stops, no room is needed.
    private func decode(_ context: ChannelHandlerContext) {
        // A reply written below may call back through channelWritabilityChanged.
        if isDecoding { return }
        isDecoding = true
        defer { isDecoding = false }
        while let next = ready.first, mayRunReady(context) {
            ready.removeFirst()
            run(context, next)
        }
        while phase == .stopping || (phase == .serving && ready.isEmpty && !isSaturated(context)) {
            do {
                guard let message = try received.next() else {
                    if isInputClosed { end(context) }
                    break
                }
                handle(context, message)
            } catch {
                refuse(context, error)
            }
        }
        keepReceived(context)
    }

    /// Keeps what is not decoded yet. A frame that there is no memory for is refused, and its body
    /// dropped as it comes: what several clients are sending at once is never waited for.
    private func keepReceived(_ context: ChannelHandlerContext) {
        if phase == .ending { received = ReceiveBuffer(frameBytesMax: options.frameBytesMax) }
        received.trim()
        memory.receivedBytes = received.storageBytes
        guard memory.receivedBytes > Self.keptBytesMin, let frame = received.begunFrame else {
            return
        }
        do throws(WireError) {
            try memory.reserveWaiting(frame.byteCount)
        } catch {
            received.dropFrame()
            memory.receivedBytes = 0
            refuse(context, error, frame.header, started: .now())
        }
    }

    /// Those that are ready hold bytes themselves; if nothing else runs, one of them must.
    private func mayRunReady(_ context: ChannelHandlerContext) -> Bool {
        context.channel.isWritable
            && (requestsRunning == 0 || memory.inFlightBytes < options.bytesInFlightMax)
    }

    private func isSaturated(_ context: ChannelHandlerContext) -> Bool {
        requestsInFlight >= options.requestsInFlightMax
            || memory.inFlightBytes >= options.bytesInFlightMax || !context.channel.isWritable
            || (memory.unsentBytes > Self.unsentBytesMaxWhenFull && memory.isFull)
    }

    func read(context: ChannelHandlerContext) {
        if isSaturated(context), phase != .ending {
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
        if phase != .serving { closeWhenIdle(context) }
        settle(context)
    }

    /// At the end of each turn: tells the others what is held, and the timeouts what is waited for.
    private func settle(_ context: ChannelHandlerContext) {
        memory.settle()
        guard let timeouts else { return }
        timeouts.update(
            .handshake, isOn: !received.isGreeted && phase == .serving, hasProgressed: false)
        timeouts.update(
            .receive, isOn: received.isGreeted && received.isWithinMessage && !isSaturated(context),
            hasProgressed: hasReceived)
        let taken = writtenBytes - memory.unsentBytes
        timeouts.update(.send, isOn: memory.unsentBytes > 0, hasProgressed: taken > takenBytes)
        takenBytes = max(takenBytes, taken)
        timeouts.update(
            .idle, isOn: requestsInFlight == 0 && memory.unsentBytes == 0,
            hasProgressed: hasReceived)
        hasReceived = false
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
        case .frame(let frame) where phase == .stopping:
            refuse(context, Self.stopping, frame.header, started: .now())
        case .frame(let frame):
            let started = NIODeadline.now()
            do throws(WireError) {
                let request = try Request(frame, limits: dispatcher.limits, granted: granted)
                try dispatcher.check(request, granted: granted)
                let pending = PendingRequest(request, frame, started: started)
                // Other requests are small, and tell what is going on; unless writes hold them up.
                if request.ids != nil || !order.isEmpty { try memory.reserve(pending.requestBytes) }
                start(context, pending)
            } catch {
                refuse(context, error, frame.header, started: started)
            }
        }
    }

    /// Runs a request now, or after the writes before it that it depends on.
    private func start(_ context: ChannelHandlerContext, _ pending: PendingRequest) {
        if order.mustWait(pending, idsShareRows: dispatcher.idsShareRows(inTable:)) {
            took(pending, replyBytes: 0)
            return
        }
        run(context, pending)
    }

    private func run(_ context: ChannelHandlerContext, _ pending: PendingRequest) {
        let outcome = dispatcher.start(
            pending.request, pending.header, granted: granted, context.channel.allocator, &memory)
        switch outcome {
        case .done(let frame, let failed):
            reply(context, frame, to: pending.header, started: pending.started, failed: failed)
            finished(pending)
        case .logged(let answer) where answer.isDue:
            reply(
                context, answer.frame, to: pending.header, started: pending.started,
                failed: answer.failed)
            finished(pending)
        case .logged(let answer):
            // It has been applied: what comes after it sees it, and need not wait.
            requestsRunning += 1
            acknowledge(context, pending, answer)
        case .blocks(let replyBytes, let work):
            took(pending, replyBytes: replyBytes)
            do throws(WireError) {
                let answer = try queue(context, pending, work)
                order.began(pending)
                requestsRunning += 1
                let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
                answer.whenComplete { result in
                    let (handler, context) = bound.value
                    handler.completed(context, pending, result)
                }
            } catch {
                refuse(context, error, pending.header, started: pending.started)
                finished(pending)
            }
        }
    }

    /// Hands a request to the threads that may block. Throws `overloaded`.
    private func queue(
        _ context: ChannelHandlerContext, _ pending: PendingRequest,
        _ work: @escaping @Sendable (Request) -> Dispatcher.Answer
    ) throws(WireError) -> EventLoopFuture<Dispatcher.Answer> {
        let request = pending.request
        if request.ids != nil { try memory.reserveWaiting(pending.heldBytes ?? 0) }
        let queue = request.isAboutRows ? diskQueue : administrationQueue
        return try queue.run(on: context.eventLoop) { work(request) }
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
                dispatcher.refusal(Self.stopping, pending.header, context.channel.allocator)
            }
        acknowledge(context, pending, answer)
    }

    /// Replies once the log has what was done; an error when it cannot be written.
    private func acknowledge(
        _ context: ChannelHandlerContext, _ pending: PendingRequest, _ answer: Dispatcher.Answer
    ) {
        if answer.isDue { return acknowledged(context, pending, answer) }
        pending.dropApplied()
        took(pending, replyBytes: answer.frame.readableBytes)
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
        requestsRunning -= 1
        if isGone {
            finished(pending)
            letGo()
            return
        }
        reply(
            context, answer.frame, to: pending.header, started: pending.started,
            failed: answer.failed)
        finished(pending)
        resume(context)
    }

    /// Accounts for a request that does not get its reply at once.
    private func took(_ pending: PendingRequest, replyBytes: Int) {
        pending.leaveLargeBuffer()
        if pending.heldBytes == nil { requestsInFlight += 1 }
        let bytes = pending.requestBytes + replyBytes
        memory.inFlightBytes += bytes - (pending.heldBytes ?? 0)
        pending.heldBytes = bytes
    }

    /// Lets go of a request that has its reply; what waited for it is taken when there is room.
    private func finished(_ pending: PendingRequest) {
        if let held = pending.heldBytes {
            requestsInFlight -= 1
            memory.inFlightBytes -= held
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

    private func refuse(
        _ context: ChannelHandlerContext, _ error: WireError, _ header: FrameHeader,
        started: NIODeadline
    ) {
        let answer = dispatcher.refusal(error, header, context.channel.allocator)
        reply(context, answer.frame, to: header, started: started, failed: answer.failed)
    }

    private static let stopping = WireError(.shuttingDown, "the server is stopping")

    private func write(_ context: ChannelHandlerContext, _ welcome: Welcome) {
        var bytes = context.channel.allocator.buffer(capacity: Welcome.headerBytes)
        welcome.write(to: &bytes)
        write(context, bytes)
    }

    private func write(_ context: ChannelHandlerContext, _ bytes: ByteBuffer) {
        unflushedBytes += bytes.readableBytes
        writtenBytes += bytes.readableBytes
        memory.unsentBytes += bytes.readableBytes
        context.write(wrapOutboundOut(bytes), promise: nil)
        if unflushedBytes >= Self.flushBytes { flush(context) }
    }

    private func flush(_ context: ChannelHandlerContext) {
        if unflushedBytes > 0 {
            unflushedBytes = 0
            context.flush()
        }
        countUnsent(context)
    }

    /// Asks the socket how much it has left, which costs less than a promise for each reply; while
    /// it has any, an empty write behind it tells when all has been taken.
    private func countUnsent(_ context: ChannelHandlerContext) {
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
        phase = .ending
        flush(context)
        closeWhenIdle(context)
    }

    /// Closes once everything is answered: our side first, so that the client reads all replies,
    /// the whole when the client has closed its own or has had time to. A close with unread bytes
    /// would take replies back that TCP has not delivered.
    private func closeWhenIdle(_ context: ChannelHandlerContext) {
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
    private func cutOff(_ context: ChannelHandlerContext, _ wait: ConnectionTimeouts.Wait) {
        dispatcher.statistics.countCutOff(wait)
        logger.debug("connection cut off", metadata: ["waitedFor": "\(wait)"])
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        isGone = true
        phase = .ending
        timeouts?.stop()
        received = ReceiveBuffer(frameBytesMax: options.frameBytesMax)
        memory.receivedBytes = 0
        memory.unsentBytes = 0
        letGo()
        context.fireChannelInactive()
    }

    /// Forgets what has not begun, now that nobody waits for it. What is on a disk thread goes on,
    /// and holds its memory till then.
    private func letGo() {
        while let pending = ready.popFirst() { finished(pending) }
        memory.settle()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("connection failed", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }
}
