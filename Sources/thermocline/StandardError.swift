internal import Foundation

/// Where messages to a person go; standard output is for results alone.
enum StandardError {
    static let isTerminal = isatty(STDERR_FILENO) == 1

    static func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }

    /// Shows how far a piece of work is, on the terminal's current line; nothing when piped.
    static func showProgress(_ text: String) {
        guard isTerminal else { return }
        // Return, text, erase the rest of the line.
        write("\r\(text)\u{1B}[K")
    }

    /// Shows a bar of work that is measured in bytes, and takes it away when all is done.
    static func showProgress(_ what: String, bytes done: Int, of all: Int) {
        guard done < all else { return clearProgress() }
        let filled = barWidth * done / max(all, 1)
        let bar =
            String(repeating: "█", count: filled)
            + String(repeating: "░", count: barWidth - filled)
        showProgress("\(what) \(bar) \(Units.bytes(UInt64(done))) of \(Units.bytes(UInt64(all)))")
    }

    /// Shows how many rows a piece of work has seen, and takes that away when all are done.
    static func showProgress(_ what: String, rows done: Int, of all: Int?) {
        guard done < all ?? .max else { return clearProgress() }
        let end = all.map { " of \(Units.count(UInt64($0)))" } ?? ""
        showProgress("\(what) \(Units.count(UInt64(done)))\(end) rows")
    }

    private static let barWidth = 30

    /// Takes the line of progress away.
    static func clearProgress() {
        showProgress("")
    }
}
