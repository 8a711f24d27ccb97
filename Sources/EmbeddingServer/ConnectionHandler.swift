internal import EmbeddingStore
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

    let dispatcher: Dispatcher
    let diskQueue: WorkQueue
    let administrationQueue: WorkQueue
    let options: ServerOptions
    let logger: Logger
    private let isRefused: Bool

    var received: ReceiveBuffer
    var granted: Capabilities = []
    /// What is announced on this connection ends with it.
    let announcer: Announcer?
    /// Where rows are placed whose requests say so.
    let sharing = ConnectionSharing()

    var order = WriteOrder()
    /// Requests that have waited for a write and may run now, in the order in which they came.
    var ready = CircularBuffer<PendingRequest>()
    /// Requests on the disk threads or waiting for one there.
    var requestsInFlight = 0
    /// Those of them that are on a disk thread.
    var requestsRunning = 0
    /// The bytes that all of this holds.
    var memory: ConnectionMemory
    /// Bytes written since the last flush.
    var unflushedBytes = 0
    /// Bytes written and bytes taken by the socket since the connection began.
    var writtenBytes = 0
    private var takenBytes = 0
    var timeouts: ConnectionTimeouts?

    var phase = Phase.serving
    private var isDecoding = false
    private var isReadWanted = false
    /// Bytes have come since the timeouts were looked at.
    private var hasReceived = false
    /// An empty write will tell when the socket has taken all that was written.
    var isDrainAwaited = false
    /// The client has closed its side: nothing comes behind what has been received.
    var isInputClosed = false
    var isClosing = false
    /// The channel is closed.
    var isGone = false
    /// All replies have been taken by the socket, so that closing the whole loses none.
    var isDrained = false

    /// A long run of replies is flushed in parts, so that the client can begin.
    static let flushBytes = 256 << 10
    /// With as much unsent, a connection is not read from while the memory of all is full: even
    /// refusals take some.
    private static let unsentBytesMaxWhenFull = 64 << 10

    /// The beginning of a frame that any connection may keep.
    private static let keptBytesMin = 4 << 10

    enum Phase {
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
        announcer = dispatcher.announcer()
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
    func resume(_ context: ChannelHandlerContext) {
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
    func settle(_ context: ChannelHandlerContext) {
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
}
