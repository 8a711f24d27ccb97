/// The four bytes beside a row's key: how often it is used, and how it stands to its copy on disk.
///
/// ```
/// bits 0–15   frequency, saturating, as of `epoch`
/// bits 16–19  epoch in which the frequency was last brought up to date
/// bit 20      dirty: the row differs from its copy on disk
/// bit 21      coldCopy: there is a copy on disk, perhaps an old one
/// bit 22      exactCopy: that copy is in hot precision; without a copy: the row is unborn
/// bit 23      touched: used since a demotion last looked at it
/// bits 24–31  pins: pushes that are about to step this row
/// ```
/// A row is *unborn* while it is there only for the push that made it and has not stepped it yet: if
/// that push fails, or is never logged, there was no such row.
///
/// Frequencies halve with every epoch (as TinyLFU's reset does), lazily: a row is brought up to
/// date when it is next looked at.
struct RowMeta {
    var bits: UInt32

    static let dirty: UInt32 = 1 << 20
    static let coldCopy: UInt32 = 1 << 21
    static let exactCopy: UInt32 = 1 << 22
    static let touched: UInt32 = 1 << 23
    static let pin: UInt32 = 1 << 24
    static let epochMask: UInt32 = 15

    @inline(__always)
    init(bits: UInt32) { self.bits = bits }

    init(frequency: UInt16, epoch: UInt32, flags: UInt32) {
        bits = UInt32(frequency) | (epoch & Self.epochMask) << 16 | flags
    }

    /// Of a row that comes from disk, to be used now or, without `isUse`, later. What is remembered of
    /// it may be more than the disk knows; only when that is twice as much is it worth another write.
    init(
        promotedAt epoch: UInt32, frequencyOnDisk: UInt16, remembered: UInt16, isUse: Bool = true,
        flags: UInt32
    ) {
        let before = max(frequencyOnDisk, remembered)
        let frequency = before == .max || !isUse ? before : before + 1
        let isFarOff = Int(frequency) >= 2 * max(1, Int(frequencyOnDisk))
        self.init(
            frequency: frequency, epoch: epoch,
            flags: flags | (isUse ? RowMeta.touched : 0) | (isFarOff ? RowMeta.dirty : 0))
    }

    @inline(__always)
    func has(_ flag: UInt32) -> Bool { bits & flag != 0 }

    var pins: UInt32 { bits >> 24 }

    var isUnborn: Bool { bits & (Self.exactCopy | Self.coldCopy) == Self.exactCopy }

    mutating func setUnborn() { bits |= Self.exactCopy }

    /// Makes it a row like any other.
    @inline(__always)
    mutating func beBorn() { if isUnborn { bits &= ~Self.exactCopy } }

    /// The frequency with the halvings since it was last written.
    @inline(__always)
    func frequency(at epoch: UInt32) -> UInt16 {
        let age = (epoch &- (bits >> 16)) & Self.epochMask
        return UInt16(truncatingIfNeeded: (bits & 0xFFFF) >> age)
    }

    /// A frequency that was written down with its epoch modulo 256, with the halvings since. One that
    /// seems to lie ahead is from before a crash and counts as now.
    static func frequency(_ frequency: UInt16, of written: UInt8, at epoch: UInt32) -> UInt16 {
        let age = Int8(truncatingIfNeeded: epoch &- UInt32(written))
        return frequency >> UInt16(max(0, min(15, age)))
    }

    @inline(__always)
    mutating func setFrequency(_ frequency: UInt16, epoch: UInt32) {
        bits = bits & 0xFFF0_0000 | UInt32(frequency) | (epoch & Self.epochMask) << 16
    }

    /// Writes the halvings down, so that they are not lost when the epochs have gone round once.
    @inline(__always)
    mutating func bringUpToDate(epoch: UInt32) {
        setFrequency(frequency(at: epoch), epoch: epoch)
    }

    /// Counts one use in memory. A clean row becomes dirty when its frequency reaches a power of two, so
    /// that the copy on disk knows the frequency to within a factor of two without being rewritten for
    /// every use.
    @inline(__always)
    mutating func touch(epoch: UInt32) {
        let old = frequency(at: epoch)
        let new = old == .max ? old : old &+ 1
        setFrequency(new, epoch: epoch)
        bits |= Self.touched
        if new & (new &- 1) == 0 { bits |= Self.dirty }
    }
}
