//! The report as a web page, in one file.

use std::fmt::Write;

use crate::report::content::Report;
use crate::report::numbers::{ratio, shown};
use crate::report::plot::{self, Bar, Curve, escaped};
use crate::report::section::{Better, Row, Section};

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1f2937; --soft: #6b7280; --line: #d1d5db; --page: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e5e7eb; --soft: #9ca3af; --line: #374151; --page: #111827; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page);
  max-width: 960px; margin: 2em auto; padding: 0 1em; }
h2 { margin-top: 2.5em; border-bottom: 1px solid var(--line); }
p { max-width: 46em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
td, th { padding: .2em .7em; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
td:nth-child(-n+2), th:nth-child(-n+2) { text-align: left; }
tr.ratio { color: var(--soft); }
.wrong { color: #dc2626; }
svg { max-width: 100%; height: auto; display: block; }
svg text { font-size: 12px; fill: var(--ink); }
.s0 { fill: #2563eb; } .s1 { fill: #9ca3af; } .s2 { fill: #d97706; }
.c0, .c1, .c2 { fill: none; stroke-width: 2; }
.c0 { stroke: #2563eb; } .c1 { stroke: #9ca3af; } .c2 { stroke: #d97706; }
.grid { stroke: var(--line); } .mark { stroke: var(--ink); stroke-dasharray: 4 3; }
.key span { display: inline-block; width: .9em; height: .9em; margin: 0 .3em 0 1em; }
.k0 { background: #2563eb; } .k1 { background: #9ca3af; } .k2 { background: #d97706; }
";

pub(crate) fn page(report: &Report) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>mcp-wire: connections</title>\n<style>{STYLE}</style>\n<h1>mcp-wire: connections</h1>\n"
    );
    page += &machine(report);
    page += &overview(report);
    for section in &report.sections {
        page += &of_section(section);
    }
    page + "</html>\n"
}

fn machine(report: &Report) -> String {
    let members = report.machine.as_object().into_iter().flatten();
    let members: Vec<String> = members
        .map(|(name, value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}: {}", escaped(&value))
        })
        .collect();
    format!("<p>{}</p>\n", members.join(" · "))
}

/// All comparable figures, as multiples of the cost of the other server.
fn overview(report: &Report) -> String {
    let mut bars = Vec::new();
    for section in &report.sections {
        for (first, other, series) in section.pairs() {
            for (one, other_figure) in first.figures.iter().zip(&other.figures) {
                let cost = match one.better {
                    None => None,
                    Some(Better::More) => ratio(other_figure.value, one.value),
                    Some(Better::Less) => ratio(one.value, other_figure.value),
                };
                bars.extend(cost.map(|value| Bar {
                    label: format!("{}, {}: {}", section.mode, first.case, one.name),
                    value,
                    series,
                }));
            }
        }
    }
    format!(
        "<h2>Cost</h2>\n<p>The cost of mcp-wire as a multiple of the cost of the other server, which is the \
         dashed line: shorter is better. Rates are inverted.</p>\n{}{}",
        key(report.sections.iter().flat_map(|section| &section.rows), 1),
        plot::bars(&bars, Some(1.0)),
    )
}

fn of_section(section: &Section) -> String {
    let mut html = format!(
        "<h2>{}</h2>\n<p>{}</p>\n",
        section.mode,
        escaped(&section.about)
    );
    html += &table(section);
    html += &key(section.rows.iter(), 0);
    for (at, figure) in section
        .figures()
        .enumerate()
        .filter(|(_, figure)| figure.better.is_some())
    {
        let bars = section.series().filter_map(|(row, series)| {
            Some(Bar {
                label: format!("{}, {}", row.case, row.server),
                value: row.figures.get(at)?.value?,
                series,
            })
        });
        let bars: Vec<Bar> = bars.collect();
        let _ = write!(
            html,
            "<h3>{}</h3>\n{}",
            figure.name,
            plot::bars(&bars, None)
        );
    }
    for case in section.cases() {
        let rows = section.series().filter(|(row, _)| row.case == case);
        let curves = rows.filter_map(|(row, series)| {
            let points = row.latencies.as_ref()?.curve();
            (!points.is_empty()).then_some(Curve { points, series })
        });
        let curves: Vec<Curve> = curves.collect();
        if !curves.is_empty() {
            let _ = write!(
                html,
                "<h3>latency: {}</h3>\n{}",
                escaped(case),
                plot::curves(&curves)
            );
        }
    }
    html
}

/// The key of the colours, without the first `from` servers.
fn key<'a>(rows: impl Iterator<Item = &'a Row>, from: usize) -> String {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if !names.contains(&&*row.server) {
            names.push(&row.server);
        }
    }
    let mut html = String::from("<p class=\"key\">");
    for (series, name) in names.into_iter().enumerate().skip(from) {
        let _ = write!(html, "<span class=\"k{series}\"></span>{}", escaped(name));
    }
    html + "</p>\n"
}

fn table(section: &Section) -> String {
    let mut html = String::from("<div class=\"wide\"><table>\n<tr><th></th><th>server</th>");
    for figure in section.figures() {
        let _ = write!(html, "<th>{}</th>", escaped(figure.name));
    }
    html += "</tr>\n";
    for line in section.lines() {
        let class = if line.is_ratio {
            " class=\"ratio\""
        } else {
            ""
        };
        let _ = write!(
            html,
            "<tr{class}><td>{}</td><td>{}</td>",
            escaped(line.case),
            escaped(&line.server)
        );
        for value in line.values {
            let _ = write!(html, "<td>{}</td>", shown(value));
        }
        html += "</tr>\n";
    }
    html += "</table></div>\n";
    for failure in section.failures() {
        let _ = writeln!(html, "<p class=\"wrong\">{}</p>", escaped(&failure));
    }
    html
}
