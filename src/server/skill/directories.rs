//! [`Directories`]: the folders that the files of skills are in.

use std::collections::BTreeMap;

use super::path::decoded;

/// Each folder by its URI, which has no slash at its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directories(BTreeMap<Box<str>, Directory>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    /// What it has, by name.
    children: BTreeMap<String, Child>,
    /// Those of the skill that it is in; none above all skills.
    scopes: Vec<String>,
    place: Place,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// A part of the path that leads to skills.
    #[default]
    AboveSkills,
    InSkill,
}

/// What a folder has.
#[derive(Clone, Debug)]
pub(crate) enum Child {
    /// The URI of a resource.
    File(String),
    /// The URI of a folder.
    Directory(String),
}

impl Directories {
    pub(crate) fn get(&self, uri: &str) -> Option<&Directory> {
        self.0.get(uri)
    }

    pub(super) fn has(&self, uri: &str) -> bool {
        self.0.contains_key(uri)
    }

    /// Adds a file, and the folders that lead to it.
    pub(super) fn add_file(&mut self, uri: &str) {
        if let Some((parent, name)) = split(uri) {
            self.add(parent);
            self.put(parent, name, Child::File(uri.to_owned()));
        }
    }

    /// Adds a folder, and those that lead to it.
    pub(super) fn add(&mut self, uri: &str) {
        if self.0.contains_key(uri) {
            return;
        }
        self.0.insert(uri.into(), Directory::default());
        if let Some((parent, name)) = split(uri) {
            self.add(parent);
            self.put(parent, name, Child::Directory(uri.to_owned()));
        }
    }

    fn put(&mut self, parent: &str, name: &str, child: Child) {
        if let Some(parent) = self.0.get_mut(parent) {
            parent.children.insert(decoded(name), child);
        }
    }

    /// Says what a client needs for the folder of a skill and those below. Skills in it come later.
    pub(super) fn need(&mut self, root: &str, scopes: &[String]) {
        let below = format!("{root}/");
        for (uri, directory) in &mut self.0 {
            if **uri == *root || uri.starts_with(&below) {
                directory.scopes = scopes.to_vec();
                directory.place = Place::InSkill;
            }
        }
    }

    /// Whether a caller may know of a folder: one above all skills if there is a folder below of which the caller
    /// may know.
    pub(crate) fn is_shown(&self, uri: &str, has: &impl Fn(&[String]) -> bool) -> bool {
        let Some(directory) = self.0.get(uri) else {
            return false;
        };
        match directory.place {
            Place::InSkill => has(&directory.scopes),
            Place::AboveSkills => directory.children.values().any(|child| match child {
                Child::Directory(uri) => self.is_shown(uri, has),
                Child::File(_) => false,
            }),
        }
    }
}

impl Directory {
    pub(crate) fn children(&self) -> impl Iterator<Item = (&str, &Child)> {
        self.children
            .iter()
            .map(|(name, child)| (name.as_str(), child))
    }

    pub(crate) fn needed_scopes(&self) -> &[String] {
        &self.scopes
    }
}

/// The URI of the folder that a URI is in, and the last segment. The authority is in no folder.
fn split(uri: &str) -> Option<(&str, &str)> {
    let (parent, name) = uri.rsplit_once('/')?;
    (!parent.ends_with('/')).then_some((parent, name))
}
