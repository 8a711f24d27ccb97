/// When a write that has been applied may be acknowledged: once the log has it.
public struct Commit: Sendable {
    private let log: WriteAheadLog?
    private let block: UInt64

    /// Nothing to wait for.
    public static let done = Commit(log: nil, block: 0)

    init(log: WriteAheadLog?, block: UInt64) {
        self.log = log
        self.block = block
    }

    /// Whether the write may be acknowledged now.
    public var isDone: Bool { log?.isCommitted(block) ?? true }

    /// Waits for it. Throws what kept the log from being written: whether the write survives is not
    /// known then. Blocks.
    public func wait() throws(StoreError) { try log?.wait(for: block) }

    /// Calls `body` once it is so, with nil or with what `wait` throws, here or on the log's
    /// thread.
    public func whenDone(_ body: @escaping @Sendable (StoreError?) -> Void) {
        guard let log else { return body(nil) }
        log.notify(block, body)
    }
}
