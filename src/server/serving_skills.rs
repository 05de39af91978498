//! Gives skills to a server, before its service is built and while it runs.

use std::collections::BTreeMap;

use serde_json::json;

use super::handle::{Server, check_authorized, gone};
use super::item::Item;
use super::registry::Registry;
use super::skill::set::{Assembled, Skills};
use crate::error::Error;
use crate::protocol::change::Change;
use crate::protocol::uri::normal_form;

/// The extension that declares skills.
pub(crate) const SKILLS: &str = "io.modelcontextprotocol/skills";

/// Agent Skills: instructions and files that hosts offer to their models (*Extension
/// `io.modelcontextprotocol/skills`*).
///
/// Clients of 2026-07-28 list the skills with digests of all files, and read the files as resources. Clients of
/// earlier revisions, which have no such extension, find the files among the resources.
impl Server {
    /// Serves skills. A second call fails the build of the service, and so does a skill that cannot be served, with
    /// the file and the line.
    ///
    /// ```no_run
    /// use mcp_wire::server::{Server, Skills};
    ///
    /// let server = Server::new("Shop", "1.0.0").skills(Skills::new().folder("skills"));
    /// ```
    pub fn skills(self, skills: Skills) -> Self {
        let assembled = skills.assemble();
        // As in `replace_skills`.
        let files = assembled.as_ref().ok().map(|all| all.files.clone());
        let server = self.configure(|registry| {
            let is_first = !registry.skills.is_offered();
            let served = match assembled {
                Ok(_) if !is_first => {
                    Err("`Server::skills` is called twice: one `Skills` holds all \
                     skills, and `Server::replace_skills` takes others"
                        .to_owned())
                }
                Ok(assembled) => registry.serve_skills(assembled),
                Err(fault) => Err(fault),
            };
            if let Err(fault) = served {
                registry.remember(fault);
            }
        });
        drop(files);
        server
    }

    /// Serves other skills instead, all at once: one answer has entries and files of the one set or of the other,
    /// never of both. Clients that listen are told that the list of resources has changed, and those that
    /// subscribed to a file whose bytes changed are told so.
    ///
    /// [`Skills::folder`] reads files as it is called, which blocks its thread: an async program calls it in
    /// `spawn_blocking`.
    ///
    /// # Errors
    ///
    /// When a skill cannot be served. The server keeps those that it has.
    pub fn replace_skills(&self, skills: Skills) -> Result<(), Error> {
        let shared = self.shared().ok_or_else(gone)?;
        let assembled = skills.assemble().map_err(Error::setup)?;
        let has_scopes = assembled
            .entries
            .iter()
            .any(|entry| !entry.needed_scopes().is_empty());
        if let Some(publisher) = shared.publisher.get().filter(|_| has_scopes) {
            check_authorized(publisher)?;
        }
        // Files hold values of the embedder, whose `Drop` may come back to the server. So the last holder of those
        // that are refused, and of the old registry, drops them when the lock is free.
        let files = assembled.files.clone();
        let replaced = shared.current.change(|registry| {
            let mut next = registry.clone();
            next.serve_skills(assembled)?;
            Ok(std::mem::replace(registry, next))
        });
        drop(files);
        let old = replaced.map_err(Error::setup)?;
        let current = shared.current.get();
        shared.report_repeated_names(&current.served_skills.repeated_names);
        self.publish(&Change::Resources);
        for uri in changed(&old, &current) {
            self.publish(&Change::Resource(uri));
        }
        Ok(())
    }
}

impl Registry {
    /// Whether a URI, in any spelling, is that of a file of a skill.
    pub(super) fn serves_skill_file(&self, uri: &str) -> bool {
        let uri = normal_form(uri);
        let mut files = self.served_skills.files.iter();
        files.any(|file| normal_form(file) == uri)
    }

    /// Serves these skills instead of those that are there. What it has after an error is not to be served.
    fn serve_skills(&mut self, assembled: Assembled) -> Result<(), String> {
        let old = std::mem::take(&mut self.served_skills);
        self.resources.remove_all(&old.files);
        self.skills.clear();
        self.skills.offer();
        self.resources.offer();
        let mut settings = json!({});
        if assembled.directories.is_some() {
            settings["directoryRead"] = true.into();
        }
        self.extensions.put_own(SKILLS, settings);
        self.served_skills.directories = assembled.directories;
        self.served_skills.repeated_names = assembled.repeated_names;
        for entry in assembled.entries {
            self.add(entry, ())?;
        }
        for (resource, reader) in assembled.files {
            self.served_skills.files.push(resource.uri().to_owned());
            self.add(resource, reader)?;
        }
        Ok(())
    }
}

/// The files of skills that both have, with other bytes. What handlers make is known to them alone.
fn changed(old: &Registry, new: &Registry) -> Vec<String> {
    let digests = |registry: &Registry| -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for entry in registry.skills.iter() {
            all.extend(entry.item.digests());
        }
        all
    };
    let new = digests(new);
    let old = digests(old).into_iter();
    old.filter(|(uri, digest)| new.get(uri).is_some_and(|other| other != digest))
        .map(|(uri, _)| uri)
        .collect()
}
