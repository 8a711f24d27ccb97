internal import Foundation

/// Numbers with units that a person reads at a glance: three digits or so.
enum Units {
    /// Bytes in binary units: `512 B`, `1.50 KiB`, `23.4 GiB`.
    static func bytes(_ bytes: UInt64) -> String {
        scaled(Double(bytes), base: 1024, units: ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
    }

    /// A number of things in decimal units: `999`, `1.50k`, `23.4M`.
    static func count(_ count: UInt64) -> String {
        scaled(Double(count), base: 1000, units: ["", "k", "M", "G", "T", "P", "E"])
    }

    /// Things a second, in decimal units.
    static func rate(_ perSecond: Double) -> String {
        perSecond < 1000
            ? digits(perSecond)
            : scaled(perSecond, base: 1000, units: ["", "k", "M", "G", "T", "P", "E"])
    }

    /// A time in microseconds, in the unit that suits it: `85 µs`, `1.50 ms`, `2.00 s`.
    static func microseconds(_ microseconds: Double) -> String {
        switch microseconds {
        case ..<1000: "\(digits(microseconds)) µs"
        case ..<1_000_000: "\(digits(microseconds / 1000)) ms"
        default: "\(digits(microseconds / 1_000_000)) s"
        }
    }

    /// A time in whole units: `42 s`, `3 min 5 s`, `2 h 3 min`, `9 d 4 h`.
    static func duration(seconds: Double) -> String {
        let seconds = Int(seconds)
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min \(seconds % 60) s"
        case ..<86_400: return "\(seconds / 3600) h \(seconds % 3600 / 60) min"
        default: return "\(seconds / 86_400) d \(seconds % 86_400 / 3600) h"
        }
    }

    static func percent(_ ratio: Double) -> String {
        String(format: "%.2f %%", ratio * 100)
    }

    private static func scaled(_ value: Double, base: Double, units: [String]) -> String {
        var value = value
        var unit = 0
        while value >= base, unit + 1 < units.count {
            value /= base
            unit += 1
        }
        let number = unit == 0 ? String(format: "%.0f", value) : digits(value)
        let space = units[0].isEmpty || units[unit].isEmpty ? "" : " "
        return number + space + units[unit]
    }

    /// Three digits, more only before the point.
    private static func digits(_ value: Double) -> String {
        switch value {
        case ..<9.995: String(format: "%.2f", value)
        case ..<99.95: String(format: "%.1f", value)
        default: String(format: "%.0f", value)
        }
    }
}
