import CKernels

/// The bytes of one entry of the log while they are put together; see `LogFormat`.
///
/// It belongs to one thread at a time: to the one whose request it is about, then to the log's.
@safe final class LogEntry {
    private(set) var byteCount = LogFormat.entryHeaderBytes
    private var bytes: UnsafeMutableRawPointer
    private var capacity: Int

    private var table: UInt32 = 0
    private var kind = LogFormat.Kind.changed
    private var recordBytes = 0
    /// Where the section that is being written begins; nil before the first.
    private var section: Int?
    private var sectionRecords: UInt32 = 0

    private static let capacityMin = 4096

    init() {
        capacity = Self.capacityMin
        unsafe bytes = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { unsafe bytes.deallocate() }

    /// Bytes of memory that it holds.
    var heldBytes: Int { capacity }

    var isEmpty: Bool { byteCount == LogFormat.entryHeaderBytes }

    /// Forgets what it was about: who leaves without a word must not repeat what another has said.
    func clear() {
        byteCount = LogFormat.entryHeaderBytes
        section = nil
    }

    /// The most bytes that an entry with so many records in so many sections takes.
    static func byteCountMax(records: Int, recordBytes: Int, sections: Int) -> Int {
        LogFormat.entryHeaderBytes + records * recordBytes
            + sections * (LogFormat.sectionHeaderBytes + 7)
    }

    /// Makes it an empty entry about a table.
    func begin(_ kind: LogFormat.Kind, table: UInt32, recordBytes: Int) {
        self.kind = kind
        self.table = table
        self.recordBytes = recordBytes
        clear()
    }

    /// Begins the section of a shard, whose lock is held: `ticket` was taken under it.
    func beginSection(ticket: UInt64) {
        endSection()
        reserve(LogFormat.sectionHeaderBytes)
        section = byteCount
        sectionRecords = 0
        unsafe bytes.storeBytes(of: ticket, toByteOffset: byteCount, as: UInt64.self)
        byteCount += LogFormat.sectionHeaderBytes
    }

    @inline(__always)
    func append(record: UnsafeRawPointer) {
        reserve(recordBytes)
        unsafe (bytes + byteCount).copyMemory(from: record, byteCount: recordBytes)
        byteCount += recordBytes
        sectionRecords += 1
    }

    @inline(__always)
    func append(key: UInt64) {
        unsafe withUnsafeBytes(of: key) { unsafe append(record: $0.baseAddress!) }  // 8 bytes
    }

    private func endSection() {
        guard let start = section else { return }
        section = nil
        if sectionRecords == 0 {
            byteCount = start
            return
        }
        unsafe bytes.storeBytes(of: sectionRecords, toByteOffset: start + 8, as: UInt32.self)
        unsafe bytes.storeBytes(of: 0, toByteOffset: start + 12, as: UInt32.self)
        let end = byteCount.roundedUp(toMultipleOf: 8)
        reserve(end - byteCount)
        unsafe (bytes + byteCount).initializeMemory(
            as: UInt8.self, repeating: 0, count: end - byteCount)
        byteCount = end
    }

    /// Completes the entry; nothing is added to it any more.
    func seal(pushes: Int) {
        endSection()
        unsafe bytes.storeBytes(of: UInt64(byteCount), toByteOffset: 0, as: UInt64.self)
        unsafe bytes.storeBytes(of: table, toByteOffset: 12, as: UInt32.self)
        unsafe bytes.storeBytes(of: UInt64(pushes), toByteOffset: 16, as: UInt64.self)
        unsafe bytes.storeBytes(of: UInt32(kind.rawValue), toByteOffset: 24, as: UInt32.self)
        unsafe bytes.storeBytes(of: UInt32(recordBytes), toByteOffset: 28, as: UInt32.self)
        let from = LogFormat.entryChecksummedFrom
        let checksum = unsafe tc_checksum(bytes + from, byteCount - from)
        unsafe bytes.storeBytes(of: checksum, toByteOffset: 8, as: UInt32.self)
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        unsafe body(UnsafeRawBufferPointer(start: bytes, count: byteCount))
    }

    @inline(__always)
    private func reserve(_ more: Int) {
        if byteCount + more > capacity { grow(to: byteCount + more) }
    }

    private func grow(to needed: Int) {
        capacity = max(needed, 2 * capacity)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        unsafe larger.copyMemory(from: bytes, byteCount: byteCount)
        unsafe bytes.deallocate()
        unsafe bytes = unsafe larger
    }
}
