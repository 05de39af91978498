//! Skills whose files are in the program.

use mcp_wire::server::{Server, Skill, Skills};

/// The conformance suite reads the directory of the first skill, and wants a directory in it.
pub(crate) fn add(server: Server) -> Server {
    let pdf = Skill::new(
        "pdf-processing",
        include_bytes!("../skills/pdf-processing/SKILL.md"),
    )
    .file(
        "references/FORMS.md",
        include_bytes!("../skills/pdf-processing/references/FORMS.md"),
    )
    .file(
        "templates/regional/eu.md",
        include_bytes!("../skills/pdf-processing/templates/regional/eu.md"),
    );
    let refunds = Skill::new(
        "acme/billing/refunds",
        include_bytes!("../skills/acme/billing/refunds/SKILL.md"),
    );
    server.skills(Skills::new().skill(pdf).skill(refunds))
}
