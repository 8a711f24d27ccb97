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

    /// Takes the line of progress away.
    static func clearProgress() {
        showProgress("")
    }
}
