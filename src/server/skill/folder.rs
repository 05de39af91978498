//! Reads skills from a folder of the file system.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::definition::{BYTES_LIMIT, Body, FILES_LIMIT, Skill};
use super::path::MANIFEST;

/// The most folders of a walk. Links that lead to a folder from many places make many paths of few folders.
const FOLDERS_LIMIT: usize = 16_384;

/// The skills of a folder, in the order of their paths. A skill in a folder of another one is a part of that one.
///
/// # Errors
///
/// Says what cannot be served, and where it is.
pub(super) fn read(root: &Path) -> Result<Vec<Skill>, String> {
    let root = fs::canonicalize(root).map_err(|error| fault(root, error))?;
    let mut walk = Walk {
        root: root.clone(),
        open: Vec::new(),
        folders: 0,
        skills: Vec::new(),
    };
    walk.look_for_skills(&root, "")?;
    Ok(walk.skills)
}

struct Walk {
    /// Without links.
    root: PathBuf,
    /// The folders that the walk is in, without links.
    open: Vec<PathBuf>,
    /// How many folders the walk has been in, each as often as links lead there.
    folders: usize,
    skills: Vec<Skill>,
}

/// What a folder has.
struct Entry {
    name: String,
    /// Where it is, without links.
    place: PathBuf,
    kind: Kind,
}

enum Kind {
    Folder,
    File { size: u64 },
}

/// The files of one skill so far.
#[derive(Default)]
struct Found {
    files: BTreeMap<String, Body>,
    folders: BTreeSet<String>,
    size: usize,
}

impl Walk {
    fn look_for_skills(&mut self, folder: &Path, path: &str) -> Result<(), String> {
        let entries = self.enter(folder)?;
        let is_file = |entry: &Entry| matches!(entry.kind, Kind::File { .. });
        if let Some(entry) = entries
            .iter()
            .find(|entry| entry.name.eq_ignore_ascii_case(MANIFEST) && is_file(entry))
        {
            if entry.name != MANIFEST {
                return Err(fault(&entry.place, "the file must be named `SKILL.md`"));
            }
            let mut found = Found::default();
            for entry in entries {
                self.take(entry, "", &mut found)?;
            }
            self.skills.push(skill(folder, path, found)?);
        } else {
            for entry in entries {
                if matches!(entry.kind, Kind::Folder) {
                    self.look_for_skills(&entry.place, &join(path, &entry.name))?;
                }
            }
        }
        self.open.pop();
        Ok(())
    }

    /// Takes what a folder of a skill has.
    fn take(&mut self, entry: Entry, above: &str, found: &mut Found) -> Result<(), String> {
        let path = join(above, &entry.name);
        match entry.kind {
            Kind::Folder => {
                let entries = self.enter(&entry.place)?;
                found.folders.insert(path.clone());
                for entry in entries {
                    self.take(entry, &path, found)?;
                }
                self.open.pop();
            }
            Kind::File { size } => {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                if size.saturating_add(found.size) > BYTES_LIMIT {
                    let message = format!("the skill has more than {BYTES_LIMIT} bytes");
                    return Err(fault(&entry.place, message));
                }
                if found.files.len() == FILES_LIMIT {
                    let message = format!("the skill has more than {FILES_LIMIT} files");
                    return Err(fault(&entry.place, message));
                }
                let bytes = fs::read(&entry.place).map_err(|error| fault(&entry.place, error))?;
                found.size += bytes.len();
                found.files.insert(path, Body::of(bytes));
            }
        }
        Ok(())
    }

    /// What a folder has, in the order of the names, without what is hidden.
    fn enter(&mut self, folder: &Path) -> Result<Vec<Entry>, String> {
        if self.open.iter().any(|open| open == folder) {
            return Err(fault(folder, "links lead around in a circle here"));
        }
        if self.folders == FOLDERS_LIMIT {
            let message =
                format!("there are more than {FOLDERS_LIMIT} folders, counted with links");
            return Err(fault(folder, message));
        }
        self.folders += 1;
        self.open.push(folder.to_owned());
        let failed = |error| fault(folder, error);
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            entries.extend(self.entry(&path)?);
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// What is at a path; `None` if it is hidden.
    fn entry(&self, path: &Path) -> Result<Option<Entry>, String> {
        let name = path.file_name().unwrap_or_default();
        if name.as_encoded_bytes().starts_with(b".") {
            return Ok(None);
        }
        let Some(name) = name.to_str() else {
            return Err(fault(path, "the name is not UTF-8"));
        };
        let place = fs::canonicalize(path).map_err(|error| fault(path, error))?;
        let Ok(below) = place.strip_prefix(&self.root) else {
            return Err(fault(path, "the link leads out of the folder"));
        };
        if below.iter().any(is_hidden) {
            return Err(fault(path, "the link leads to what is hidden"));
        }
        let about = fs::metadata(&place).map_err(|error| fault(path, error))?;
        let kind = if about.is_dir() {
            Kind::Folder
        } else if about.is_file() {
            Kind::File { size: about.len() }
        } else {
            return Err(fault(path, "it is neither a file nor a folder"));
        };
        let name = name.to_owned();
        Ok(Some(Entry { name, place, kind }))
    }
}

/// Whether a link must not serve what has this name in its path. Names that begin with two dots are those of volumes
/// of Kubernetes: every file there is a link through `..data` to a folder such as `..2026_11_30`.
fn is_hidden(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") && !name.starts_with(b"..")
}

/// A skill of these files. That of the root of the walk has the name of the folder.
fn skill(folder: &Path, path: &str, found: Found) -> Result<Skill, String> {
    let name = folder.file_name().and_then(|name| name.to_str());
    let path = match (path, name) {
        ("", Some(name)) => name.to_owned(),
        ("", None) => return Err(fault(folder, "the folder has no name")),
        (path, _) => path.to_owned(),
    };
    Ok(Skill::of_files(path, found.files, found.folders))
}

fn join(above: &str, name: &str) -> String {
    match above {
        "" => name.to_owned(),
        above => format!("{above}/{name}"),
    }
}

fn fault(path: &Path, what: impl fmt::Display) -> String {
    format!(
        "the skills of a folder cannot be read: {}: {what}",
        path.display()
    )
}
