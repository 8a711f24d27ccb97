/// Who has a row of its own: counts how often ids are seen, and says which of them have earned one.
///
/// A *sighting* is a pull that creates, or a push; a pull and the push that follows it are one, so
/// that a training step counts once. Of each id pulls and pushes are counted apart, and the larger
/// number is that of its sightings.
///
/// All methods may be called from any thread. Whoever admits or retires holds the table's
/// `AdmissionGate` alone.
protocol Admission: AnyObject, Sendable {
    /// How ids stand, were they sighted once more; with nil, as they are.
    func standings(of ids: [UInt64], _ sighting: Sighting?) -> [Standing]

    /// Whether an id that has no row of its own, were it sighted once more, should get one.
    func isDue(_ id: UInt64, _ sighting: Sighting) -> Bool

    /// Counts sightings, with the norms of the gradients when they are pushes, of ids that own a row
    /// or have been found to own none.
    func count(_ ids: [UInt64], _ sighting: Sighting, norms: [Float])

    /// Whether to count those who own a row as well, because they may lose it.
    var countsOwners: Bool { get }

    /// Whether to count the norms of gradients.
    var wantsNorms: Bool { get }

    /// Lets an id have its own row, if it is due, or `unasked` and there is room. `keeping` it, it
    /// does not lose the row by going quiet.
    func admit(_ id: UInt64, unasked: Bool, keeping: Bool) -> AdmissionResult

    /// Takes back what `admit` said, or what has lost its row.
    func retire(_ id: UInt64)

    /// Whether it is time to look for ids that have gone quiet.
    var isSweepDue: Bool { get }

    /// The ids that have gone quiet; it is not time again before the next epoch.
    func quiet() -> [UInt64]

    /// Retires those of some ids that are still quiet, and returns them.
    func retire(quiet ids: [UInt64]) -> [UInt64]

    /// Undoes that ids were retired for being quiet, or displaced: their rows could not be deleted.
    func reinstate(_ ids: [UInt64])

    var figures: AdmissionFigures { get }

    /// The ids that are known one by one.
    var countedIDs: CountedIDs { get }

    /// Bytes of memory that are taken whatever comes.
    var byteCount: Int { get }

    // MARK: across restarts

    /// Hands out what is to be remembered, apart from who has a row, which the rows themselves say, in
    /// pieces that others wait for no longer than for a request.
    func save(_ write: ([UInt8]) throws(StoreError) -> Void) throws(StoreError)

    /// Takes up what was saved, all pieces together; `isCurrent` if that was at a clean stop, after which nothing changed,
    /// else it may be older than the rows, or newer. False for bytes that are none.
    func restore(_ saved: [UInt8], isCurrent: Bool) -> Bool

    /// Takes up which ids have a row of their own, after a `restore` that was not current.
    func restore(owners: [UInt64])

    /// Whether `restore(owners:)` is needed then; else the rows are asked as ids come.
    var needsOwners: Bool { get }
}

enum Sighting: Sendable { case pull, push }

/// How an id stands.
enum Standing: Sendable {
    /// It has no row of its own and does not get one now.
    case shared
    /// It has a row of its own, unless that has been deleted.
    case own
    /// It should get one before it is served.
    case due
    /// Its rows know whether it has one.
    case unknown

    /// Whether there may be a row of its own.
    var mayOwn: Bool { self == .own || self == .unknown }
}

/// Ids that have a row of their own, and ids that are counted and have none.
struct CountedIDs {
    var owners: [UInt64] = []
    var candidates: [UInt64] = []
}

enum AdmissionResult: Sendable, Equatable {
    case refused
    /// It may have a row; in place of another's, perhaps.
    case admitted(insteadOf: UInt64?)
}

/// Admissions in figures.
public struct AdmissionFigures: Sendable, Hashable, Codable {
    /// Ids with a row of their own; nil where only the rows themselves know.
    public var owners: Int?
    /// Ids that are counted and have none.
    public var candidates: Int
    public var admissions: Int
    /// Ids that lost their row to another or by going quiet.
    public var retirements: Int
    /// Memory that counting takes.
    public var bytes: Int
}
