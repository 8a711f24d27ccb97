internal import EmbeddingStore
internal import EmbeddingWire
internal import Foundation

/// A store on disk, as `inspect` prints it.
struct InspectReport: Encodable {
    /// Bytes of one row by part.
    struct RowBytes: Encodable {
        var key: Double
        var index: Double
        var meta: Double
        var scale: Double
        var state: Double
        var row: Double
        var other: Double
        var total: Double

        init(_ bytes: TableSurvey.RowBytes) {
            key = bytes.key
            index = bytes.index
            meta = bytes.meta
            scale = bytes.scale
            state = bytes.state
            row = bytes.row
            other = bytes.other
            total = bytes.total
        }
    }

    struct Tier: Encodable {
        var rows: Int
        var bytes: Int
        var bytesPerRow: RowBytes

        init(_ tier: TableSurvey.Tier) {
            rows = tier.rows
            bytes = tier.bytes
            bytesPerRow = RowBytes(tier.rowBytes)
        }
    }

    struct Histogram: Encodable {
        struct Bucket: Encodable {
            var from: Double
            var below: Double
            var count: Int
        }

        /// Nil of nothing.
        var least: Double?
        var mean: Double?
        var largest: Double?
        var buckets: [Bucket]

        init(_ histogram: PowerHistogram) {
            if histogram.count > 0 {
                least = histogram.minimum
                mean = histogram.mean
                largest = histogram.maximum
            }
            buckets = histogram.buckets.map {
                Bucket(from: $0.low, below: $0.high, count: $0.count)
            }
        }
    }

    struct Table: Encodable {
        var name: String
        var number: UInt32
        var schema: EmbeddingStore.TableSchema
        var rows: Int
        /// On disk.
        var bytes: Int
        var bytesPerRow: Double
        var rowsByPrecision: [String: Int]
        var rowsNotFinite: Int
        var hot: Tier
        var cold: Tier
        var frequencies: Histogram
        var norms: Histogram
        var scales: Histogram
        /// Missing where ids do not say their field.
        var fields: FieldStatistics?

        init(_ table: OfflineTable, _ survey: TableSurvey) {
            name = table.name
            number = table.number
            schema = table.schema
            rows = survey.cold.rows
            bytes = survey.cold.bytes
            bytesPerRow = rows == 0 ? 0 : Double(bytes) / Double(rows)
            rowsByPrecision = Dictionary(
                uniqueKeysWithValues: survey.rowsByPrecision.map { ("\($0)", $1) })
            rowsNotFinite = survey.nonFiniteRows
            hot = Tier(survey.hot)
            cold = Tier(survey.cold)
            frequencies = Histogram(survey.frequencies)
            norms = Histogram(survey.norms)
            scales = Histogram(survey.scales)
            fields = survey.fields
        }
    }

    var path: String
    var tables: [Table]

    var text: String {
        var table = TextTable(
            header: ["NAME", "ROWS", "DIM", "HOT", "COLD", "ON DISK", "BYTES/ROW"],
            numbers: [1, 2, 5, 6])
        for entry in tables {
            table.add(
                entry.name, Units.count(UInt64(entry.rows)), "\(entry.schema.dimension)",
                "\(entry.schema.hotPrecision)", "\(entry.schema.coldPrecision)",
                Units.bytes(UInt64(entry.bytes)), String(format: "%.1f", entry.bytesPerRow))
        }
        return ([path, table.text] + tables.map(\.text)).joined(separator: "\n\n")
    }
}

extension InspectReport.Table {
    /// What the line of the table leaves out.
    var text: String {
        var lines = ["table \(name), number \(number)", parts.text]
        let precisions = rowsByPrecision.sorted { $0.key < $1.key }
            .map { "\(Units.count(UInt64($0.value))) \($0.key)" }.joined(separator: ", ")
        if !precisions.isEmpty { lines.append("rows on disk   \(precisions)") }
        if rowsNotFinite > 0 { lines.append("not numbers    \(rowsNotFinite) rows") }
        if let fields { lines.append(fields.text) }
        lines += [
            frequencies.text("frequency"), norms.text("norm"), scales.text("scale"),
        ].filter { !$0.isEmpty }
        return lines.joined(separator: "\n")
    }

    private var parts: TextTable {
        var table = TextTable(
            header: [
                "TIER", "ROWS", "BYTES", "BYTES/ROW", "KEY", "INDEX", "META", "SCALE", "STATE",
                "ROW", "OTHER",
            ], numbers: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        for (tierName, tier) in [("hot", hot), ("cold", cold)] {
            let row = tier.bytesPerRow
            table.add(
                [tierName, Units.count(UInt64(tier.rows)), Units.bytes(UInt64(tier.bytes))]
                    + [
                        row.total, row.key, row.index, row.meta, row.scale, row.state, row.row,
                        row.other,
                    ].map { String(format: "%.1f", $0) })
        }
        return table
    }
}

extension InspectReport.Histogram {
    /// A bar for each bucket; empty of nothing.
    func text(_ what: String) -> String {
        guard let least, let mean, let largest else { return "" }
        let most = buckets.map(\.count).max() ?? 1
        var table = TextTable(numbers: [0, 1])
        for bucket in buckets {
            table.add(
                bucket.below == 0
                    ? "0" : String(format: "%.4g – %.4g", bucket.from, bucket.below),
                Units.count(UInt64(bucket.count)),
                String(repeating: "█", count: max(1, 40 * bucket.count / max(most, 1))))
        }
        return "\(what): " + String(format: "%.4g to %.4g, mean %.4g\n", least, largest, mean)
            + table.text
    }
}
