internal import Foundation

/// The picture of a comparison: memory on a logarithmic axis against test AUC, as SVG.
///
/// A line joins the points of one contestant in one precision, at each budget the variant that
/// validation prefers; bars are one standard deviation over the seeds. The dashed line is the Pareto
/// front, the band the full table in float32.
public struct TradeoffChart {
    /// Which bytes are on the axis.
    public enum Measure: String, Sendable, CaseIterable {
        case rows
        /// Rows, optimizer state and index.
        case all

        var title: String {
            switch self {
            case .rows: "bytes of rows"
            case .all: "bytes of rows, optimizer state and index"
            }
        }

        func bytes(_ point: TradeoffSummary.Point) -> Double {
            let bytes = point.bytes
            let all = self == .rows ? 0 : bytes.optimizerState + bytes.index
            return Double(max(bytes.rows + all, 1))
        }
    }

    private let summary: TradeoffSummary
    private let measure: Measure
    private let points: [TradeoffSummary.Point]
    private let x: ChartAxis
    private let y: ChartAxis

    private static let width = 960.0
    private static let height = 560.0
    private static let left = 70.0
    private static let right = 700.0
    private static let top = 24.0
    private static let bottom = 500.0

    public init(_ summary: TradeoffSummary, _ measure: Measure = .rows) {
        self.summary = summary
        self.measure = measure
        points = summary.points.filter(\.isBestVariant)
        x = ChartAxis(bytes: points.map(measure.bytes), from: Self.left, to: Self.right)
        y = ChartAxis(
            auc: points.flatMap {
                [
                    $0.testAUC.mean - $0.testAUC.deviation,
                    $0.testAUC.mean + $0.testAUC.deviation,
                ]
            }, from: Self.bottom, to: Self.top)
    }

    public var svg: String {
        let size = "\(Int(Self.width)) \(Int(Self.height))"
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(size)" role="img" \
            aria-label="Test AUC by \(measure.title)" font-family="sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="#fff"/>
            \(grid)\(band)\(front)\(series.map(drawn).joined())\(legend)</svg>

            """
    }

    // MARK: Background

    private var grid: String {
        var text = ""
        for tick in x.ticks {
            let place = Self.number(x.place(tick.value))
            text += Self.line(place, Self.number(Self.top), place, Self.number(Self.bottom), "#eee")
            text += Self.text(place, "\(Self.bottom + 18)", tick.label, anchor: "middle")
        }
        for tick in y.ticks {
            let place = y.place(tick.value)
            text += Self.line(
                Self.number(Self.left), Self.number(place), Self.number(Self.right),
                Self.number(place), "#eee")
            text += Self.text("\(Self.left - 8)", Self.number(place + 4), tick.label, anchor: "end")
        }
        let middle = Self.number((Self.left + Self.right) / 2)
        text += Self.text(middle, "\(Self.bottom + 42)", measure.title, anchor: "middle")
        text += """
            <text transform="translate(16 \(Self.number((Self.top + Self.bottom) / 2))) rotate(-90)" \
            text-anchor="middle" fill="#333">test AUC of \(Self.escaped(summary.model))</text>

            """
        return text
    }

    private var band: String {
        guard
            let full = points.first(where: { $0.contestant == .full && $0.precision == "float32" })
        else { return "" }
        let auc = full.testAUC
        let high = y.place(auc.mean + auc.deviation)
        let low = y.place(auc.mean - auc.deviation)
        let place = Self.number(y.place(auc.mean))
        return """
            <rect x="\(Self.number(Self.left))" y="\(Self.number(high))" \
            width="\(Self.number(Self.right - Self.left))" height="\(Self.number(low - high))" \
            fill="#000" fill-opacity="0.06"/>

            """
                + Self.line(
                    Self.number(Self.left), place, Self.number(Self.right), place, "#999")
    }

    /// Steps from one point of the front to the next: between two, the smaller one is the best.
    private var front: String {
        let corners = points.sorted { measure.bytes($0) < measure.bytes($1) }
            .reduce(into: [TradeoffSummary.Point]()) { front, point in
                if front.last.map({ point.testAUC.mean > $0.testAUC.mean }) ?? true {
                    front.append(point)
                }
            }
        guard let first = corners.first else { return "" }
        var path = "M\(place(first))"
        for corner in corners.dropFirst() {
            path += "H\(Self.number(x.place(measure.bytes(corner))))"
            path += "V\(Self.number(y.place(corner.testAUC.mean)))"
        }
        return """
            <path class="front" d="\(path)H\(Self.number(Self.right))" fill="none" stroke="#888" \
            stroke-dasharray="2 4"/>

            """
    }

    // MARK: Series

    /// The points of a contestant in a precision.
    private struct Series {
        var contestant: Contestant
        var precision: String
        var points: [TradeoffSummary.Point]
    }

    private var series: [Series] {
        var series: [Series] = []
        for point in points {
            let known = series.firstIndex {
                $0.contestant == point.contestant && $0.precision == point.precision
            }
            if let known {
                series[known].points.append(point)
            } else {
                series.append(
                    Series(
                        contestant: point.contestant, precision: point.precision, points: [point]))
            }
        }
        return series
    }

    private func drawn(_ series: Series) -> String {
        let color = Self.color(series.contestant)
        let points = series.points.sorted { measure.bytes($0) < measure.bytes($1) }
        let dash = series.precision == "float32" ? "" : #" stroke-dasharray="5 3""#
        let path = "M" + points.map(place).joined(separator: "L")
        var text = """
            <g class="series" data-contestant="\(series.contestant.rawValue)" \
            data-precision="\(series.precision)" stroke="\(color)" fill="\(color)">
            <path class="curve" d="\(path)" fill="none" stroke-width="1.6"\(dash)/>

            """
        for point in points {
            let x = self.x.place(measure.bytes(point))
            let high = y.place(point.testAUC.mean + point.testAUC.deviation)
            let low = y.place(point.testAUC.mean - point.testAUC.deviation)
            text += #"<path class="spread" d="M\#(Self.number(x)) \#(Self.number(high))"#
            text += #"V\#(Self.number(low))" stroke-opacity="0.6"/>"# + "\n"
            text += #"<g class="point" tabindex="0"><title>\#(Self.escaped(hover(point)))</title>"#
            text += Self.mark(point.precision, x, y.place(point.testAUC.mean)) + "</g>\n"
        }
        return text + "</g>\n"
    }

    /// What is told about a point.
    private func hover(_ point: TradeoffSummary.Point) -> String {
        func spread(_ spread: Spread) -> String {
            String(format: "%.5f ± %.5f", spread.mean, spread.deviation)
        }
        let name = [point.contestant.rawValue, point.variant, point.precision]
            .filter { !$0.isEmpty }.joined(separator: ", ")
        func bytes(_ count: Int) -> String { ChartAxis.bytesLabel(Double(count)) }
        var lines = [
            name, point.scheme,
            "test AUC \(spread(point.testAUC)), logloss \(spread(point.testLogloss))",
            String(format: "%.1f times smaller; ", point.ratio)
                + "\(point.seeds) \(point.seeds == 1 ? "seed" : "seeds")",
            "rows \(bytes(point.bytes.rows)), state \(bytes(point.bytes.optimizerState)), "
                + "index \(bytes(point.bytes.index)), network \(bytes(point.bytes.network))",
        ]
        if let difference = point.againstFull {
            lines.append("against the full table \(spread(difference))")
        }
        return lines.joined(separator: "\n")
    }

    private func place(_ point: TradeoffSummary.Point) -> String {
        "\(Self.number(x.place(measure.bytes(point)))) \(Self.number(y.place(point.testAUC.mean)))"
    }

    // MARK: Legend

    private var legend: String {
        var text = #"<g class="legend">"# + "\n"
        var y = Self.top + 8
        func entry(_ mark: String, _ words: String) {
            text += mark + Self.text("\(Self.right + 42)", Self.number(y + 4), words) + "\n"
            y += 20
        }
        let all = series
        for contestant in Contestant.allCases
        where all.contains(where: { $0.contestant == contestant }) {
            let color = Self.color(contestant)
            entry(
                Self.line(
                    "\(Self.right + 16)", Self.number(y), "\(Self.right + 36)", Self.number(y),
                    color, width: 3), contestant.rawValue)
        }
        y += 8
        for precision in ["float32", "float16", "int16", "int8"]
        where all.contains(where: { $0.precision == precision }) {
            entry(
                "<g fill=\"#555\" stroke=\"#555\">"
                    + Self.mark(precision, Self.right + 26, y) + "</g>", precision)
        }
        y += 8
        entry(
            "<path d=\"M\(Self.right + 16) \(Self.number(y))h20\" stroke=\"#888\" "
                + "stroke-dasharray=\"2 4\"/>", "Pareto front")
        return text + "</g>\n"
    }

    // MARK: Shapes

    private static func mark(_ precision: String, _ x: Double, _ y: Double) -> String {
        let at = "\(number(x)) \(number(y))"
        switch precision {
        case "float16": return #"<path d="M\#(at) m0 -5l5 5l-5 5l-5 -5z"/>"#
        case "int16": return #"<path d="M\#(at) m-4 -4h8v8h-8z"/>"#
        case "int8": return #"<path d="M\#(at) m0 -5l5 9h-10z"/>"#
        default: return #"<circle cx="\#(number(x))" cy="\#(number(y))" r="4"/>"#
        }
    }

    private static func line(
        _ x1: String, _ y1: String, _ x2: String, _ y2: String, _ color: String, width: Int = 1
    ) -> String {
        """
        <path d="M\(x1) \(y1)L\(x2) \(y2)" stroke="\(color)" stroke-width="\(width)"/>

        """
    }

    private static func text(
        _ x: String, _ y: String, _ words: String, anchor: String = "start"
    ) -> String {
        """
        <text x="\(x)" y="\(y)" text-anchor="\(anchor)" fill="#333">\(escaped(words))</text>

        """
    }

    private static func number(_ value: Double) -> String { String(format: "%.1f", value) }

    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
            .replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }

    /// Apart also for eyes that do not tell red from green (after Okabe and Ito).
    private static let colors = [
        "#000000", "#e69f00", "#56b4e9", "#d55e00", "#009e73", "#8a6d00", "#cc79a7", "#0072b2",
        "#7f3fbf", "#5b5b5b",
    ]

    private static func color(_ contestant: Contestant) -> String {
        let place = Contestant.allCases.firstIndex(of: contestant) ?? 0
        return colors[place % colors.count]
    }
}
