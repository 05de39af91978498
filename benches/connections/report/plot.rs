//! Plots as SVG, for the page of the report. Its style sheet sets their colours.

use std::fmt::Write;

use crate::report::numbers::shown;

const WIDTH: f64 = 720.0;
/// The height of a bar with its gap.
const LINE: f64 = 22.0;
/// The width of the labels, which precede the bars.
const LABELS: f64 = 300.0;
/// The width of the value after the longest bar.
const VALUES: f64 = 110.0;

pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: f64,
    /// The number of the server, for its colour.
    pub(crate) series: usize,
}

/// Bars that start at 0, with a line at `mark` if there is one.
pub(crate) fn bars(bars: &[Bar], mark: Option<f64>) -> String {
    let values = bars.iter().map(|bar| bar.value).chain(mark);
    let most = values.fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let scale = (WIDTH - LABELS - VALUES) / most;
    let height = LINE * bars.len() as f64 + 8.0;
    let mut svg = open(height);
    for (
        at,
        Bar {
            label,
            value,
            series,
        },
    ) in bars.iter().enumerate()
    {
        let (top, width) = (LINE * at as f64 + 4.0, value * scale);
        let (label, text, bottom) = (escaped(label), shown(Some(*value)), top + 14.0);
        let _ = write!(
            svg,
            r#"<text x="{:.0}" y="{bottom:.0}" text-anchor="end">{label}</text>
<rect class="s{series}" x="{LABELS}" y="{top:.0}" width="{width:.1}" height="{:.0}"/>
<text x="{:.1}" y="{bottom:.0}">{text}</text>
"#,
            LABELS - 8.0,
            LINE - 5.0,
            LABELS + width + 6.0,
        );
    }
    if let Some(mark) = mark {
        let x = LABELS + mark * scale;
        let _ = write!(
            svg,
            r#"<line class="mark" x1="{x:.1}" y1="0" x2="{x:.1}" y2="{height}"/>"#
        );
    }
    svg + "</svg>\n"
}

/// The curve of one server: percents and microseconds.
pub(crate) struct Curve {
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) series: usize,
}

const HEIGHT: f64 = 260.0;
const LEFT: f64 = 80.0;
const BOTTOM: f64 = 30.0;
/// The percents with a grid line; the last is the maximum.
const TICKS: [(f64, &str); 6] = [
    (0.0, "0 %"),
    (50.0, "50 %"),
    (90.0, "90 %"),
    (99.0, "99 %"),
    (99.9, "99.9 %"),
    (100.0, "longest"),
];
/// The position of 100 %, which would be infinitely far: the same as 99.999 %.
const END: f64 = 5.0;

/// Curves of latency percentiles. Both axes are logarithmic: one step for each further nine, and for each factor
/// of ten.
pub(crate) fn curves(curves: &[Curve]) -> String {
    let times = || {
        curves
            .iter()
            .flat_map(|curve| &curve.points)
            .map(|point| point.1)
    };
    let low = times().fold(f64::INFINITY, f64::min).log10().floor();
    let high = times().fold(0.0, f64::max).log10().ceil().max(low + 1.0);
    let x = |percent: f64| LEFT + nines(percent) / END * (WIDTH - LEFT - 40.0);
    let y = |time: f64| {
        let part = (time.log10() - low) / (high - low);
        HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - 10.0)
    };
    let mut svg = open(HEIGHT);
    for (percent, name) in TICKS {
        let (x, end, text) = (x(percent), HEIGHT - BOTTOM, HEIGHT - 10.0);
        let _ = writeln!(
            svg,
            r#"<line class="grid" x1="{x:.1}" y1="10" x2="{x:.1}" y2="{end}"/><text x="{x:.1}" y="{text}" text-anchor="middle">{name}</text>"#
        );
    }
    for power in low as i32..=high as i32 {
        let time = 10f64.powi(power);
        let (y, end, name) = (y(time), WIDTH - 40.0, time_name(time));
        let _ = writeln!(
            svg,
            r#"<line class="grid" x1="{LEFT}" y1="{y:.1}" x2="{end}" y2="{y:.1}"/><text x="{:.0}" y="{:.1}" text-anchor="end">{name}</text>"#,
            LEFT - 6.0,
            y + 4.0,
        );
    }
    for Curve { points, series } in curves {
        let points = points
            .iter()
            .map(|(percent, time)| format!("{:.1},{:.1}", x(*percent), y(*time)));
        let points: Vec<String> = points.collect();
        let _ = writeln!(
            svg,
            r#"<polyline class="c{series}" points="{}"/>"#,
            points.join(" ")
        );
    }
    svg + "</svg>\n"
}

/// 1 for 90 %, 2 for 99 %, …
fn nines(percent: f64) -> f64 {
    (-(1.0 - percent / 100.0).log10()).min(END)
}

fn time_name(micros: f64) -> String {
    match micros {
        ..1e3 => format!("{micros} µs"),
        ..1e6 => format!("{} ms", micros / 1e3),
        _ => format!("{} s", micros / 1e6),
    }
}

fn open(height: f64) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" height=\"{height:.0}\">\n")
}

/// Escapes text for use between tags.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
