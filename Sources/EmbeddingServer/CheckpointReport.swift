/// The answer to a `checkpoint` request.
struct CheckpointReport: Report {
    var path: String
    var rows: Int
    var bytes: Int
    var seconds: Double
}
