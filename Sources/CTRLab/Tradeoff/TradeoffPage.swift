internal import Foundation

/// A comparison as one HTML page that needs nothing else: the charts, values under the pointer,
/// switches for contestants and precisions, and the table.
public struct TradeoffPage {
    private let summary: TradeoffSummary

    public init(_ summary: TradeoffSummary) { self.summary = summary }

    public var html: String {
        let charts = TradeoffChart.Measure.allCases.map { measure in
            """
            <div class="chart" data-measure="\(measure.rawValue)"\(measure == .rows ? "" : " hidden")>
            \(TradeoffChart(summary, measure).svg)</div>
            """
        }.joined(separator: "\n")
        let title = "Memory against AUC: \(TradeoffChart.escaped(summary.model))"
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>\(title)</title>
            <style>\(Self.style)</style>
            </head>
            <body>
            <h1>\(title)</h1>
            <p>\(introduction)</p>
            <form id="switches">
            <fieldset><legend>Memory</legend>\(measures)</fieldset>
            <fieldset><legend>Contestants</legend>\(boxes("contestant", contestants))</fieldset>
            <fieldset><legend>Precisions</legend>\(boxes("precision", precisions))</fieldset>
            </form>
            \(charts)
            <output id="tip" hidden></output>
            \(table)
            <script>\(Self.script)</script>
            </body>
            </html>

            """
    }

    private var introduction: String {
        """
        Each point is the mean of a contestant's runs, its bar one standard deviation over the \
        seeds. The full table was tuned first\
        \(summary.tuningRuns > 0 ? " in \(summary.tuningRuns) runs" : ""): learning rate \
        \(String(format: "%g", summary.learningRate)), embedding L2 \
        \(String(format: "%g", summary.embeddingL2)). At each budget a curve has the variant with \
        the best validation AUC.
        """
    }

    private var contestants: [String] {
        Contestant.allCases.filter { contestant in
            summary.points.contains { $0.contestant == contestant }
        }.map(\.rawValue)
    }

    private var precisions: [String] {
        ["float32", "float16", "int16", "int8"].filter { precision in
            summary.points.contains { $0.precision == precision }
        }
    }

    private var measures: String {
        TradeoffChart.Measure.allCases.map { measure in
            """
            <label><input type="radio" name="measure" value="\(measure.rawValue)"\
            \(measure == .rows ? " checked" : "")> \(measure.title)</label>
            """
        }.joined(separator: "\n")
    }

    private func boxes(_ name: String, _ values: [String]) -> String {
        values.map {
            #"<label><input type="checkbox" name="\#(name)" value="\#($0)" checked> \#($0)</label>"#
        }.joined(separator: "\n")
    }

    private var table: String {
        func cell(_ text: String) -> String { "<td>\(TradeoffChart.escaped(text))</td>" }
        func figure(_ spread: Spread?) -> String {
            spread.map { String(format: "%.5f ± %.5f", $0.mean, $0.deviation) } ?? ""
        }
        let rows = summary.points.map { point in
            let cells = [
                point.contestant.rawValue, point.variant, point.precision, point.scheme,
                String(format: "%.1f", point.ratio), "\(point.bytes.rows)",
                "\(point.bytes.optimizerState)", "\(point.bytes.index)", "\(point.bytes.network)",
                figure(point.testAUC), figure(point.testLogloss), figure(point.againstFull),
                figure(point.againstFloat32), "\(point.seeds)",
                String(format: "%.1f", point.seconds),
            ]
            return """
                <tr data-contestant="\(point.contestant.rawValue)" \
                data-precision="\(point.precision)"\(point.isOnFront ? " class=\"front\"" : "")>\
                \(cells.map(cell).joined())</tr>
                """
        }
        let heads = [
            "contestant", "variant", "precision", "scheme", "ratio", "rows, bytes", "state",
            "index", "network", "test AUC", "test logloss", "against full", "against float32",
            "seeds", "seconds",
        ]
        return """
            <table>
            <thead><tr>\(heads.map { "<th>\($0)</th>" }.joined())</tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody>
            </table>
            <p>Rows of the Pareto front (bytes of rows, test AUC) are in bold.</p>
            """
    }

    private static let style = """
        body { font: 15px/1.5 sans-serif; margin: 2rem auto; max-width: 1100px; padding: 0 1rem; \
        color: #222; background: #fff; }
        h1 { font-size: 1.4rem; }
        fieldset { border: 1px solid #ddd; border-radius: 4px; margin: 0 0 .5rem; }
        label { margin-right: 1rem; white-space: nowrap; }
        svg { width: 100%; height: auto; }
        .point { cursor: pointer; }
        #tip { position: fixed; background: #222; color: #fff; padding: .5rem .75rem; \
        border-radius: 4px; white-space: pre-line; pointer-events: none; font-size: 13px; \
        max-width: 30rem; }
        table { border-collapse: collapse; display: block; overflow-x: auto; font-size: 13px; }
        th, td { padding: .2rem .6rem; text-align: right; white-space: nowrap; \
        border-bottom: 1px solid #eee; }
        td:nth-child(-n+4), th:nth-child(-n+4) { text-align: left; }
        tr.front { font-weight: bold; }
        [hidden] { display: none; }
        """

    /// Marks the page when it has run, and when something failed, so that a test can tell.
    private static let script = """
        "use strict";
        window.addEventListener("error", event => {
          document.documentElement.dataset.error = event.message;
        });
        const tip = document.getElementById("tip");
        const switches = document.getElementById("switches");
        function show(point, x, y) {
          tip.textContent = point.dataset.tip;
          tip.hidden = false;
          tip.style.left = Math.max(8, Math.min(x + 14, innerWidth - tip.offsetWidth - 8)) + "px";
          tip.style.top = Math.max(8, Math.min(y + 14, innerHeight - tip.offsetHeight - 8)) + "px";
        }
        for (const point of document.querySelectorAll(".point")) {
          // The browser's own tip would cover ours.
          const title = point.querySelector("title");
          point.dataset.tip = title.textContent;
          point.setAttribute("aria-label", title.textContent);
          title.remove();
          point.addEventListener("pointermove", e => show(point, e.clientX, e.clientY));
          point.addEventListener("pointerleave", () => { tip.hidden = true; });
          point.addEventListener("focus", () => {
            const box = point.getBoundingClientRect();
            show(point, box.right, box.bottom);
          });
          point.addEventListener("blur", () => { tip.hidden = true; });
        }
        function update() {
          const chosen = new FormData(switches);
          for (const element of document.querySelectorAll("[data-contestant]")) {
            const wanted = chosen.getAll("contestant").includes(element.dataset.contestant)
              && chosen.getAll("precision").includes(element.dataset.precision);
            element.style.display = wanted ? "" : "none";
          }
          for (const chart of document.querySelectorAll(".chart")) {
            chart.hidden = chart.dataset.measure !== chosen.get("measure");
          }
        }
        switches.addEventListener("change", update);
        update();
        document.documentElement.dataset.curves = document.querySelectorAll(".curve").length;
        """
}
