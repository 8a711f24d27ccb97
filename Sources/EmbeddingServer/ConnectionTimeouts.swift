internal import NIOCore

/// Watches how long a connection is waited for, with one timer however many requests pass.
///
/// The timer is set when a wait begins that ends before it, and otherwise only looked at when it
/// fires. What has been going on since then is asked for at that time, so a connection that has
/// stopped is cut off after one to two times its limit. Belongs to the connection's event loop.
final class ConnectionTimeouts {
    /// What a connection can be waited for.
    enum Wait: Int, CaseIterable, Sendable {
        /// Its handshake.
        case handshake
        /// More of a message that has begun.
        case receive
        /// That it takes the replies that are ready.
        case send
        /// A request, with none under way.
        case idle
    }

    private let eventLoop: any EventLoop
    private let limits: [TimeAmount?]
    private let refresh: () -> Void
    private let overdue: (Wait) -> Void
    /// When the client was last heard of, for each wait that is on.
    private var since = [NIODeadline?](repeating: nil, count: Wait.allCases.count)
    private var timer: (deadline: NIODeadline, task: Scheduled<Void>)?
    private var isStopped = false

    /// - Parameters:
    ///   - refresh: calls `update` for progress that nothing has told of.
    ///   - overdue: is called once, and nothing is watched any more then.
    init(
        _ options: ServerOptions, eventLoop: any EventLoop, refresh: @escaping () -> Void,
        overdue: @escaping (Wait) -> Void
    ) {
        self.eventLoop = eventLoop
        self.refresh = refresh
        self.overdue = overdue
        limits = Wait.allCases.map { wait in
            let seconds: Double? =
                switch wait {
                case .handshake: options.handshakeTimeoutSeconds
                case .receive: options.receiveTimeoutSeconds
                case .send: options.sendTimeoutSeconds
                case .idle: options.idleTimeoutSeconds
                }
            return seconds.map { .nanoseconds(Int64($0 * 1e9)) }
        }
    }

    /// Says whether the connection is being waited for, and whether it has done since then what it
    /// is waited for, or a part of it.
    func update(_ wait: Wait, isOn: Bool, hasProgressed: Bool) {
        guard isOn, !isStopped, let limit = limits[wait.rawValue] else {
            since[wait.rawValue] = nil
            return
        }
        if since[wait.rawValue] != nil, !hasProgressed { return }
        let now = eventLoop.now
        since[wait.rawValue] = now
        wake(noLaterThan: now + limit)
    }

    func stop() {
        isStopped = true
        timer?.task.cancel()
        timer = nil
    }

    private func wake(noLaterThan deadline: NIODeadline) {
        if let timer, timer.deadline <= deadline { return }
        timer?.task.cancel()
        let task = eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.check() }
        timer = (deadline, task)
    }

    private func check() {
        timer = nil
        refresh()
        let now = eventLoop.now
        var next: NIODeadline?
        for wait in Wait.allCases {
            guard let since = since[wait.rawValue], let limit = limits[wait.rawValue] else {
                continue
            }
            let deadline = since + limit
            if deadline <= now {
                stop()
                return overdue(wait)
            }
            next = min(next ?? deadline, deadline)
        }
        if let next { wake(noLaterThan: next) }
    }
}
