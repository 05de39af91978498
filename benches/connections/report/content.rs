//! All that a run measured.

use serde_json::Value;

use crate::report::section::Section;

pub(crate) struct Report {
    pub(crate) machine: Value,
    pub(crate) sections: Vec<Section>,
    /// Whether a mode came to no end.
    pub(crate) is_cut: bool,
}

impl Report {
    /// Whether every answer was right, and no connection broke.
    pub(crate) fn is_sound(&self) -> bool {
        let mut rows = self.sections.iter().flat_map(|section| &section.rows);
        !self.is_cut && rows.all(|row| row.failures.count == 0)
    }
}
