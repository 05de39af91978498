//! All that a run measured.

use serde_json::Value;

use crate::report::section::Section;

pub(crate) struct Report {
    pub(crate) machine: Value,
    pub(crate) sections: Vec<Section>,
    /// Whether a mode failed.
    pub(crate) is_incomplete: bool,
}

impl Report {
    /// Whether every mode finished, every answer was correct, and no connection broke.
    pub(crate) fn is_sound(&self) -> bool {
        let mut rows = self.sections.iter().flat_map(|section| &section.rows);
        !self.is_incomplete && rows.all(|row| row.failures.count == 0)
    }
}
