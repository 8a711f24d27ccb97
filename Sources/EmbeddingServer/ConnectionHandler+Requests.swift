internal import EmbeddingWire
internal import Logging
internal import NIOCore

/// From a decoded message to its reply: now, after the writes before it, or from a disk thread.
extension ConnectionHandler {
    /// What a connection is offered: shared memory is found by the process at the other end of a Unix socket.
    private func capabilities(_ context: ChannelHandlerContext) -> Capabilities {
        if case .unixDomainSocket = context.localAddress { return dispatcher.capabilities }
        return dispatcher.capabilities.subtracting(.sharedReplies)
    }

    func handle(
        _ context: ChannelHandlerContext, _ message: ConnectionDecoder<Hello>.Message
    ) {
        switch message {
        case .handshake(let hello):
            let welcome = options.access.welcome(
                hello, capabilities: capabilities(context), limits: dispatcher.limits)
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

    func run(_ context: ChannelHandlerContext, _ pending: PendingRequest) {
        let outcome = dispatcher.start(
            pending.request, pending.header, granted: granted, announcer, sharing,
            context.channel.allocator, &memory)
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
    func queue(
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
    func finished(_ pending: PendingRequest) {
        if let held = pending.heldBytes {
            requestsInFlight -= 1
            memory.inFlightBytes -= held
        }
        ready.append(contentsOf: order.ended(pending))
    }
}
