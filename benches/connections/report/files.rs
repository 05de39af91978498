//! The files of the report.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::BoxError;
use crate::report::content::Report;
use crate::report::{html, json};

/// Writes both forms into a folder of cargo's target folder. Returns their paths.
pub(crate) fn save(report: &Report, folder: &str) -> Result<[PathBuf; 2], BoxError> {
    let this = std::env::current_exe()?;
    // target/release/deps/connections-…
    let folder = this
        .ancestors()
        .nth(3)
        .unwrap_or_else(|| Path::new("."))
        .join(folder);
    fs::create_dir_all(&folder)?;
    let paths = [folder.join("report.json"), folder.join("report.html")];
    fs::write(&paths[0], format!("{:#}\n", json::report(report)))?;
    fs::write(&paths[1], html::page(report))?;
    Ok(paths)
}
