/// How many keys a table has on disk, kept beside its rows by each write of them, so that nobody has
/// to count after a crash. Rows and count are in one file or one batch, and every write has the
/// key: so of a table's writes always the first ones survive, and the count is that of the last.
struct KeyCount {
    /// Nil when it was not known.
    let keys: Int?

    /// Sorts behind the key of every row, which has eight bytes.
    private static let key = [UInt8](repeating: 0xFF, count: keyBytes)
    static let keyBytes = 9
    static let valueBytes = 8

    init(_ keys: Int?) { self.keys = keys }

    /// Reads a value; throws `damaged` when it is none.
    init(_ value: UnsafeRawBufferPointer) throws(StoreError) {
        guard value.count == Self.valueBytes else {
            throw .damaged("a number of keys that has \(value.count) bytes")
        }
        let number = unsafe Int64(littleEndian: value.loadUnaligned(as: Int64.self))
        keys = number < 0 ? nil : Int(number)
    }

    static func isKey(_ bytes: UnsafeRawBufferPointer) -> Bool {
        unsafe bytes.count == keyBytes && bytes.allSatisfy { $0 == 0xFF }
    }

    static func withKey<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        unsafe key.withUnsafeBytes {
            unsafe body($0.baseAddress!.assumingMemoryBound(to: CChar.self))  // nine bytes
        }
    }

    func withEntry(_ body: (UnsafePointer<CChar>, UnsafePointer<CChar>) -> Void) {
        unsafe withUnsafeBytes(of: Int64(keys ?? -1).littleEndian) { value in
            let value = unsafe value.baseAddress!.assumingMemoryBound(to: CChar.self)  // 8 bytes
            unsafe Self.withKey { unsafe body($0, value) }
        }
    }
}
