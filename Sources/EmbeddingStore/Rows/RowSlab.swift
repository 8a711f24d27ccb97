import Glibc

/// The rows of one shard: records of one size, dense, at positions `0 ..< count`.
///
/// Address space for as many rows as the shard may ever hold is reserved at once; memory is taken
/// page by page as rows come and given back as they go, and `committedBytes` says how much. A
/// position is valid only until the next `removeLast`; whoever owns the slab guards it.
@safe struct RowSlab: ~Copyable {
    private(set) var count = 0
    private(set) var committedBytes = 0

    let base: UnsafeMutableRawPointer
    let stride: Int
    let capacity: Int

    private let reservedBytes: Int
    private var usesHugePages = false

    /// From this size on the slab asks for huge pages: below, a huge page per slab would waste a
    /// good part of the memory.
    private static let hugePagesFromBytes = 16 << 20
    private static let pageBytes = 4096
    private static let hugePageBytes = 2 << 20
    /// `MADV_COLLAPSE`, Linux 6.1.
    private static let collapse: CInt = 25

    /// Reserves address space for `capacity` records of `stride` bytes. Throws `unsupported` when the
    /// system has none.
    init(stride: Int, capacity: Int) throws(StoreError) {
        self.stride = stride
        self.capacity = capacity
        reservedBytes = (stride * capacity).roundedUp(toMultipleOf: Self.hugePageBytes)
        let address = unsafe mmap(
            nil, reservedBytes, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw .unsupported(
                "the system has no address space for \(reservedBytes) more bytes of rows; a table reserves "
                    + "twice the memory limit")
        }
        unsafe base = unsafe address
    }

    deinit { unsafe munmap(base, reservedBytes) }

    @inline(__always)
    func record(_ position: Int) -> UnsafeMutableRawPointer { unsafe base + position &* stride }

    /// Adds a record with undefined contents. There must be room: `count < capacity`.
    mutating func append() -> Int {
        precondition(count < capacity)
        if !usesHugePages, (count + 1) * stride >= Self.hugePagesFromBytes {
            usesHugePages = true
            unsafe madvise(base, reservedBytes, MADV_HUGEPAGE)
            // What is there already moves too. An older kernel refuses, and does it by and by.
            unsafe madvise(
                base, count * stride / Self.hugePageBytes * Self.hugePageBytes, Self.collapse)
        }
        defer { count += 1 }
        committedBytes = max(committedBytes, pages(for: count + 1))
        return count
    }

    mutating func removeLast() {
        count -= 1
    }

    /// Gives memory behind the last row back to the system, when there is enough of it to be worth
    /// the call.
    mutating func trim() {
        let needed = pages(for: count)
        guard committedBytes - needed >= max(Self.pageBytes, committedBytes / 64) else { return }
        unsafe madvise(base + needed, committedBytes - needed, MADV_DONTNEED)
        committedBytes = needed
    }

    private func pages(for count: Int) -> Int {
        let unit = usesHugePages ? Self.hugePageBytes : Self.pageBytes
        return (count * stride).roundedUp(toMultipleOf: unit)
    }
}
