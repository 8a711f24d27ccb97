/// A hash that is the same in every process, to tell whether something is what it was before.
struct Fingerprint {
    private(set) var value: UInt64 = 0

    mutating func add(_ bytes: some Sequence<UInt8>) { for byte in bytes { add(UInt64(byte)) } }

    mutating func add(_ words: some Sequence<UInt64>) { for word in words { add(word) } }

    private mutating func add(_ word: UInt64) { value = SplitMix64.mix(value &* 31 &+ word) }

    /// Of all that training and evaluation see.
    static func of(_ logs: Trainer.Logs) -> UInt64 {
        var fingerprint = Fingerprint()
        for log in [logs.training, logs.validation, logs.test] {
            fingerprint.add([UInt64(log.count)])
            fingerprint.add(log.labels.lazy.map { UInt64($0.bitPattern) })
            fingerprint.add(log.numbers.lazy.map { UInt64($0.bitPattern) })
            fingerprint.add(log.vocabulary)
            fingerprint.add(log.bags.rows.lazy.map { UInt64($0) })
            fingerprint.add((log.bags.offsets ?? []).lazy.map { UInt64($0) })
            fingerprint.add((log.bags.weights ?? []).lazy.map { UInt64($0.bitPattern) })
        }
        return fingerprint.value
    }
}
