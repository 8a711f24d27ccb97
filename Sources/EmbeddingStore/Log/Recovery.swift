internal import Foundation

/// What a start made of the log that it found.
public struct RecoveryReport: Sendable, Equatable {
    /// Files read.
    public var segments = 0
    public var bytes = 0
    /// Writes, deletes and demotions replayed, of whole requests.
    public var entries = 0
    /// Rows that they were about, each counted as often as it was written.
    public var rows = 0
    public var seconds = 0.0
    /// Bytes at the end that were no whole block: what was being written when the process or the
    /// machine died.
    public var droppedBytes = 0
    /// The file that they were in.
    public var droppedFrom: String?
    /// A file that is missing, before which the log ends at the user's word.
    public var missing: String?
    /// Files that were put aside because of damage, at the user's word.
    public var putAside: [String] = []
}

/// Reads the log that a store left behind, in order, and does it again.
struct Recovery {
    let folder: String
    /// Go on with the part before the damage, when there is damage before the end.
    let acceptsDamage: Bool
    /// Leave every file as it is: for looking at the log of a store that is not opened.
    var changesNothing = false
    /// Called now and then with bytes done and bytes in all.
    let progress: @Sendable (_ done: Int, _ all: Int) -> Void

    /// What comes after what was read.
    struct Result {
        var report = RecoveryReport()
        var segments: [(number: UInt64, bytes: Int)] = []
        var nextSegment: UInt64 = 0
        var nextBlock: UInt64 = 1
    }

    private struct File {
        let number: UInt64
        let path: String
        let bytes: Int
    }

    /// Calls `apply` with what each block did, in the order in which it happened.
    ///
    /// `first` is the oldest segment that is needed; older ones are removed. With `isExpected` it must
    /// be there. A part at the end that is not whole is cut off. Throws `damaged`, naming the file,
    /// when a segment is missing, or something is wrong before the end, unless that is accepted.
    func run(
        first: UInt64, isExpected: Bool,
        _ apply: (LogReader.Entry, LogReader.Section) throws(StoreError) -> Void
    ) throws(StoreError) -> Result {
        let started = ContinuousClock.now
        var result = Result()
        result.nextSegment = first
        var files = try neededFiles(first: first)
        if let missing = missingSegment(files, first: first, isExpected: isExpected) {
            let path = LogSegment.path(folder: folder, number: missing)
            guard acceptsDamage else { throw .damaged("\(path) is missing") }
            let later = files.filter { $0.number > missing }
            try putAside(later[...], &result)
            files.removeLast(later.count)
            result.report.missing = path
            result.nextSegment = missing
        }
        guard let lastFile = files.last else { return result }
        result.nextSegment = lastFile.number + 1
        let total = files.reduce(0) { $0 + $1.bytes }
        var expected: UInt64?
        let putAsideBefore = result.report.putAside.count
        for (at, file) in files.enumerated() {
            let end = try unsafe Self.withContents(of: file.path) {
                (bytes) throws(StoreError) -> Int? in
                try unsafe replay(
                    bytes, file, expected: &expected, later: files[(at + 1)...], &result, apply)
            }
            guard let end else {
                // It is gone, and was the last: its number is the next.
                result.nextSegment = file.number
                break
            }
            result.segments.append((file.number, end))
            result.report.segments += 1
            result.report.bytes += end
            progress(files[...at].reduce(0) { $0 + $1.bytes }, total)
            if result.report.putAside.count > putAsideBefore {
                result.nextSegment = file.number + 1
                break
            }
        }
        result.nextBlock = expected ?? 1
        result.report.seconds = started.duration(to: .now) / .seconds(1)
        return result
    }

    private func missingSegment(_ files: [File], first: UInt64, isExpected: Bool) -> UInt64? {
        if isExpected, files.first?.number != first { return first }
        return zip(files, files.dropFirst()).first { $1.number != $0.number + 1 }
            .map { $0.0.number + 1 }
    }

    /// Renames files, the last first, so that an interruption leaves no gap.
    private func putAside(_ files: ArraySlice<File>, _ result: inout Result) throws(StoreError) {
        for file in files.reversed() {
            let aside = file.path + Self.asideSuffix
            guard unsafe rename(file.path, aside) == 0 else {
                throw .file(file.path, "rename", errno)
            }
            result.report.putAside.append(aside)
        }
        if !files.isEmpty { try DataDirectory.syncFile(folder) }
    }

    private func neededFiles(first: UInt64) throws(StoreError) -> [File] {
        // No folder, no log.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        var files: [File] = []
        for name in names {
            guard let number = LogSegment.number(fileName: name) else { continue }
            let path = "\(folder)/\(name)"
            if number < first {
                if !changesNothing { unsafe unlink(path) }
                continue
            }
            let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber
            files.append(File(number: number, path: path, bytes: size?.intValue ?? 0))
        }
        return files.sorted { $0.number < $1.number }
    }

    /// Replays one segment; returns where its last whole block ends, nil when it had not begun and
    /// has been removed.
    private func replay(
        _ bytes: UnsafeRawBufferPointer, _ file: File, expected: inout UInt64?,
        later: ArraySlice<File>, _ result: inout Result,
        _ apply: (LogReader.Entry, LogReader.Section) throws(StoreError) -> Void
    ) throws(StoreError) -> Int? {
        var reader: LogReader
        do throws(LogReader.Unreadable) {
            reader = try unsafe LogReader(bytes, segment: file.number)
        } catch {
            // Made just before the end, it may not have its header yet.
            let isEmpty = unsafe !LogReader.containsBlock(bytes, segment: file.number)
            guard isEmpty, later.isEmpty else {
                throw .damaged("\(file.path): \(error.reason)")
            }
            if changesNothing { return 0 }
            unsafe unlink(file.path)
            return nil
        }
        while true {
            switch reader.next(expected: expected) {
            case .block(let block):
                try replay(block, file, &result, apply)
                expected = block.number + 1
            case .end:
                // What is behind the end may be of an older segment, or show that something is lost.
                let isGap = try isGap(expected, later)
                if isGap || reader.hasLaterBlock(after: expected) {
                    try stop(
                        at: reader, file, "blocks are missing", expected, later, &result)
                } else {
                    try cut(file, to: reader.offset)
                }
                return reader.offset
            case .invalid(let reason):
                try stop(at: reader, file, reason, expected, later, &result)
                return reader.offset
            }
        }
    }

    private func replay(
        _ block: LogReader.Block, _ file: File, _ result: inout Result,
        _ apply: (LogReader.Entry, LogReader.Section) throws(StoreError) -> Void
    ) throws(StoreError) {
        result.report.entries += block.entries.count
        var sections = block.entries.flatMap { entry in entry.sections.map { (entry, $0) } }
        if block.entries.count > 1 { sections.sort { $0.1.ticket < $1.1.ticket } }
        for (entry, section) in sections {
            result.report.rows += section.count
            do throws(StoreError) {
                try apply(entry, section)
            } catch .damaged(let detail) {
                throw .damaged("\(file.path): block \(block.number): \(detail)")
            }
        }
    }

    /// What is not sound ends the log, if nothing that is sound comes after it.
    private func stop(
        at reader: LogReader, _ file: File, _ reason: String, _ expected: UInt64?,
        _ later: ArraySlice<File>, _ result: inout Result
    ) throws(StoreError) {
        if try hasLaterBlock(reader, expected, later) {
            let detail = "\(file.path), from byte \(reader.offset) on: \(reason)"
            guard acceptsDamage else {
                throw .damaged("\(detail); sound blocks of the log come after it")
            }
            try putAside(later, &result)
            try copyAside(file, &result)
            try cut(file, to: reader.offset)
        } else {
            result.report.droppedBytes = reader.brokenBytesFromHere
            result.report.droppedFrom = file.path
            try cut(file, to: reader.offset)
        }
    }

    private func hasLaterBlock(
        _ reader: LogReader, _ expected: UInt64?, _ later: ArraySlice<File>
    ) throws(StoreError) -> Bool {
        if reader.hasLaterBlock(after: expected) { return true }
        for file in later {
            let has = try unsafe Self.withContents(of: file.path) {
                (bytes) throws(StoreError) in
                unsafe LogReader.containsBlock(bytes, segment: file.number)
            }
            if has { return true }
        }
        return false
    }

    /// Whether what comes next in later segments is not the block that should.
    private func isGap(
        _ expected: UInt64?, _ later: ArraySlice<File>
    ) throws(StoreError) -> Bool {
        guard let expected else { return false }
        for file in later {
            let number = try unsafe Self.withContents(
                of: file.path,
                bytesMax: LogFormat.segmentHeaderBytes + LogFormat.blockHeaderBytes
            ) { (bytes) throws(StoreError) in
                try? unsafe LogReader(bytes, segment: file.number).numberHere
            }
            if let number { return number != expected }
        }
        return false
    }

    /// Takes away what is behind the last whole block, so that it cannot be taken for something
    /// later, and gives back the space.
    private func cut(_ file: File, to bytes: Int) throws(StoreError) {
        if file.bytes == bytes || changesNothing { return }
        guard unsafe truncate(file.path, off_t(bytes)) == 0 else {
            throw .file(file.path, "truncate", errno)
        }
        try DataDirectory.syncFile(file.path)
    }

    private static let asideSuffix = ".damaged"

    /// Keeps all of a file of which only the sound part stays.
    private func copyAside(_ file: File, _ result: inout Result) throws(StoreError) {
        let aside = file.path + Self.asideSuffix
        // Left by a start that was interrupted.
        unsafe unlink(aside)
        do {
            try FileManager.default.copyItem(atPath: file.path, toPath: aside)
        } catch {
            throw .storageFailed("cannot copy \(file.path): \(error.localizedDescription)")
        }
        result.report.putAside.append(aside)
        try DataDirectory.syncFile(folder)
    }

    /// Calls `body` with all bytes of a file or the first of them, at an aligned address.
    static func withContents<Value>(
        of path: String, bytesMax: Int = .max,
        _ body: (UnsafeRawBufferPointer) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .file(path, "open", errno) }
        defer { Glibc.close(descriptor) }
        let end = Int(lseek(descriptor, 0, SEEK_END))
        let size = min(end, bytesMax)
        guard size >= 0 else { throw .file(path, "read", errno) }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(size, 1), alignment: 16)
        defer { unsafe bytes.deallocate() }
        var done = 0
        while done < size {
            // At least one byte was allocated.
            let count = unsafe pread(
                descriptor, bytes.baseAddress! + done, size - done, off_t(done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .file(path, "read", errno) }
            done += count
        }
        return try unsafe body(UnsafeRawBufferPointer(rebasing: bytes[..<size]))
    }
}
