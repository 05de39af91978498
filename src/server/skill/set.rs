//! [`Skills`]: the skills that a server serves, and what follows from them.

use std::collections::BTreeMap;
use std::future::ready;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::definition::{BYTES_LIMIT, Body, Content, FILES_LIMIT, Skill};
use super::directories::Directories;
use super::entry::{SkillEntry, Statement};
use super::folder;
use super::frontmatter::Frontmatter;
use super::path::{MANIFEST, decoded, file_uri, media_type, name_fault, path_fault, root_uri};
use crate::server::metadata::meta::Meta;
use crate::server::resource::contents::ResourceContents;
use crate::server::resource::definition::Resource;
use crate::server::resource::handler::Reader;
use crate::server::result::cache::Cache;
use crate::server::uri_template::uri::is_absolute_uri;

/// The skills of a server ([`Server::skills`](crate::server::Server::skills)).
///
/// A skill may have 512 files and 16 MiB: hosts need not load more. A larger one fails the build of the service.
#[derive(Clone, Debug, Default)]
#[must_use = "skills are served once they are given to a server"]
pub struct Skills {
    skills: Vec<Skill>,
    directories: Reading,
    listed: Listed,
    fault: Option<String>,
}

/// Whether clients can read folders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reading {
    #[default]
    Offered,
    NotOffered,
}

/// Which files `resources/list` has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Listed {
    #[default]
    All,
    Manifests,
}

impl Skills {
    /// No skills.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a skill.
    pub fn skill(mut self, skill: Skill) -> Self {
        self.skills.push(skill);
        self
    }

    /// Adds every skill of a folder, which is read at once: a folder with a `SKILL.md` is a skill, and its path
    /// below `root` is that of the skill. If `root` itself has a `SKILL.md`, its name is the path.
    ///
    /// What is hidden, whose name begins with a dot, is not served; nor is what is in no skill. The build of the
    /// service fails for what cannot be read, for names that are not UTF-8, for what is neither a file nor a folder,
    /// for links that lead out of `root`, around in a circle or to what is hidden, and for more than 16,384 folders, of
    /// which each counts as often as a path leads to it. Links may lead through names that begin with two dots, as
    /// those of volumes of Kubernetes do.
    pub fn folder(mut self, root: impl AsRef<Path>) -> Self {
        match folder::read(root.as_ref()) {
            Ok(skills) => self.skills.extend(skills),
            Err(fault) => {
                self.fault.get_or_insert(fault);
            }
        }
        self
    }

    /// Changes each skill so far, such as to set the scopes of those that were read from a folder.
    ///
    /// ```no_run
    /// use mcp_wire::server::Skills;
    ///
    /// let skills = Skills::new().folder("skills").each(|skill| match skill.path().starts_with("internal/") {
    ///     true => skill.scopes(["staff"]),
    ///     false => skill,
    /// });
    /// ```
    pub fn each(mut self, change: impl FnMut(Skill) -> Skill) -> Self {
        self.skills = self.skills.into_iter().map(change).collect();
        self
    }

    /// Does not let clients read folders (`resources/directory/read`). Default: they can.
    pub fn without_directories(mut self) -> Self {
        self.directories = Reading::NotOffered;
        self
    }

    /// Leaves all files but each `SKILL.md` out of `resources/list`: for large skills. Their entries and their
    /// folders have them, and they are read like others. Default: all files are listed.
    pub fn list_manifests_only(mut self) -> Self {
        self.listed = Listed::Manifests;
        self
    }

    /// What is to be served.
    ///
    /// # Errors
    ///
    /// Says what cannot be.
    pub(crate) fn assemble(self) -> Result<Assembled, String> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut plan = Plan {
            listed: self.listed,
            ..Plan::default()
        };
        for skill in self.skills {
            let path = skill.path.clone();
            plan.add(skill)
                .map_err(|fault| format!("the skill {path:?} cannot be served: {fault}"))?;
        }
        plan.find_nested()?;
        let mut all = plan.finish()?;
        if self.directories == Reading::NotOffered {
            all.directories = None;
        }
        Ok(all)
    }
}

/// What a set of skills comes to.
pub(crate) struct Assembled {
    pub(crate) entries: Vec<SkillEntry>,
    pub(crate) files: Vec<(Resource, Reader)>,
    pub(crate) directories: Option<Directories>,
    /// Names that several skills have, each with how many have it.
    pub(crate) repeated_names: Vec<(String, usize)>,
}

/// Skills and files so far, by URI.
#[derive(Default)]
struct Plan {
    /// By the URI of the folder. In the order in which they were added.
    roots: Vec<(String, Root)>,
    files: BTreeMap<String, File>,
    folders: Vec<String>,
    listed: Listed,
}

struct Root {
    frontmatter: Frontmatter,
    content: Content,
    scopes: Vec<String>,
    cache: Cache,
    meta: Meta,
}

struct File {
    body: Body,
    name: String,
}

impl Plan {
    fn add(&mut self, skill: Skill) -> Result<(), String> {
        let fault = skill.fault.or_else(|| skill.meta.fault());
        if let Some(fault) = fault {
            return Err(fault);
        }
        let root = checked_root(&skill.path)?;
        let manifest = match &skill.files[MANIFEST] {
            Body::Fixed(bytes) => bytes.clone(),
            Body::Generated(_) => return Err(format!("{MANIFEST} cannot be generated")),
        };
        let frontmatter = checked_frontmatter(&root, &manifest)?;
        if self.roots.iter().any(|(other, _)| *other == root) {
            return Err("another skill has this path".to_owned());
        }
        for (path, body) in skill.files {
            let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
            let uri = file_uri(&root, &path);
            if self.files.contains_key(&uri) {
                return Err(format!("two skills have the file {uri}"));
            }
            self.files.insert(uri, File { body, name });
        }
        let folders = skill.folders.iter();
        self.folders
            .extend(folders.map(|path| file_uri(&root, path)));
        let found = Root {
            frontmatter,
            content: skill.content,
            scopes: skill.scopes,
            cache: skill.cache,
            meta: skill.meta,
        };
        self.roots.push((root, found));
        Ok(())
    }

    /// Adds the skills that files of others are: "A `SKILL.md` MAY appear in a descendant directory of a skill".
    fn find_nested(&mut self) -> Result<(), String> {
        let mut nested = Vec::new();
        for (uri, file) in &self.files {
            let Some(root) = uri.strip_suffix("/SKILL.md") else {
                continue;
            };
            let Body::Fixed(bytes) = &file.body else {
                continue;
            };
            if self.roots.iter().any(|(other, _)| other == root) {
                continue;
            }
            let frontmatter = checked_frontmatter(root, bytes)
                .map_err(|fault| format!("the skill {root:?} cannot be served: {fault}"))?;
            let enclosing = innermost(&self.roots, root);
            nested.push((
                root.to_owned(),
                Root {
                    frontmatter,
                    // What a template answers below the enclosing skill may be below this one too.
                    content: enclosing.map_or(Content::Fixed, |(_, root)| root.content),
                    scopes: Vec::new(),
                    cache: enclosing.map_or_else(Cache::default, |(_, root)| root.cache),
                    meta: Meta::default(),
                },
            ));
        }
        self.roots.extend(nested);
        Ok(())
    }

    fn finish(self) -> Result<Assembled, String> {
        let mut directories = Directories::default();
        for uri in self.files.keys() {
            directories.add_file(uri);
        }
        for uri in &self.folders {
            directories.add(uri);
        }
        if let Some(uri) = self.files.keys().find(|uri| directories.has(uri)) {
            return Err(format!("{uri} is a file and a folder"));
        }
        let mut by_depth: Vec<_> = self.roots.iter().collect();
        by_depth.sort_by_key(|(root, _)| root.len());
        for (root, _) in by_depth {
            directories.need(root, &scopes_of(&self.roots, root));
        }
        let mut entries = Vec::new();
        let mut names = BTreeMap::<_, usize>::new();
        for (root, skill) in &self.roots {
            entries.push(self.entry(root, skill)?);
            *names.entry(&*skill.frontmatter.name).or_default() += 1;
        }
        let repeated = names.into_iter().filter(|(_, count)| *count > 1);
        let repeated_names = repeated.map(|(name, count)| (name.to_owned(), count));
        let repeated_names = repeated_names.collect();
        let files = self.files.iter();
        let files = files.filter_map(|(uri, file)| self.resource(uri, file));
        Ok(Assembled {
            entries,
            files: files.collect(),
            directories: Some(directories),
            repeated_names,
        })
    }

    fn entry(&self, root: &str, skill: &Root) -> Result<SkillEntry, String> {
        let below = format!("{root}/");
        let uri = format!("{below}{MANIFEST}");
        let own = self.files.range(below.clone()..);
        let own = own.take_while(|(uri, _)| uri.starts_with(&below));
        let (mut count, mut size) = (0, 0);
        let mut manifest = Vec::new();
        // The files of a skill in this one belong to this one too, and so do those that its template answers for.
        let mut inner = self.roots.iter().filter(|(uri, _)| uri.starts_with(&below));
        let mut content = match inner.any(|(_, root)| root.content == Content::Dynamic) {
            true => Content::Dynamic,
            false => skill.content,
        };
        for (uri, file) in own {
            count += 1;
            match &file.body {
                Body::Fixed(bytes) => {
                    size += bytes.len();
                    manifest.push((uri.as_str(), bytes));
                }
                Body::Generated(_) => content = Content::Dynamic,
            }
        }
        for (measured, limit, what) in [
            (count, FILES_LIMIT, "files"),
            (size, BYTES_LIMIT, "bytes in all its files"),
        ] {
            if measured > limit {
                return Err(format!(
                    "the skill {root:?} has {measured} {what}: hosts need not load more than {limit}"
                ));
            }
        }
        manifest.sort_by_key(|(file, _)| **file != *uri);
        Ok(SkillEntry::new(Statement {
            uri,
            frontmatter: &skill.frontmatter.text,
            files: manifest,
            content,
            scopes: scopes_of(&self.roots, root),
            cache: skill.cache,
        }))
    }

    /// A file as a resource. One that is in no skill does not exist.
    fn resource(&self, uri: &str, file: &File) -> Option<(Resource, Reader)> {
        let (root, skill) = innermost(&self.roots, uri)?;
        let mut resource = match uri.strip_prefix(&**root) {
            Some("/SKILL.md") => Resource::new(uri, skill.frontmatter.name.clone())
                .description(skill.frontmatter.description.clone())
                .with_meta(skill.meta.clone()),
            _ if self.listed == Listed::Manifests => {
                Resource::new(uri, file.name.clone()).unlisted()
            }
            _ => Resource::new(uri, file.name.clone()),
        };
        resource = resource
            .scopes(scopes_of(&self.roots, root))
            .cache(skill.cache.ttl, skill.cache.scope);
        Some(match &file.body {
            Body::Fixed(bytes) => {
                let is_text = std::str::from_utf8(bytes).is_ok();
                let mime_type = media_type(&file.name, is_text);
                let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                let resource = resource.mime_type(mime_type).size(size);
                (resource, fixed(bytes.clone(), mime_type))
            }
            Body::Generated(reader) => {
                let mime_type = media_type(&file.name, true);
                (resource.mime_type(mime_type), Arc::clone(reader))
            }
        })
    }
}

/// Reads bytes that never change.
fn fixed(bytes: Bytes, mime_type: &'static str) -> Reader {
    Arc::new(move |_, read| {
        let contents = match std::str::from_utf8(&bytes) {
            Ok(text) => ResourceContents::text(read.uri(), text),
            Err(_) => ResourceContents::blob(read.uri(), &bytes),
        };
        Box::pin(ready(Ok(vec![contents.mime_type(mime_type)])))
    })
}

/// The URI of the folder of a skill.
fn checked_root(path: &str) -> Result<String, String> {
    let root = root_uri(path);
    let below = root.split_once("://").map_or("", |(_, below)| below);
    if let Some(fault) = path_fault(below) {
        return Err(fault);
    }
    if !is_absolute_uri(&root) || root.contains(['?', '#']) {
        return Err(format!("{root:?} is not the absolute URI of a folder"));
    }
    Ok(root)
}

fn checked_frontmatter(root: &str, manifest: &[u8]) -> Result<Frontmatter, String> {
    let in_manifest = |fault: String| format!("{MANIFEST}: {fault}");
    let frontmatter = Frontmatter::read(manifest).map_err(in_manifest)?;
    if let Some(fault) = name_fault(&frontmatter.name) {
        return Err(in_manifest(fault));
    }
    let last = decoded(root.rsplit('/').next().unwrap_or(root));
    if last != frontmatter.name {
        return Err(in_manifest(format!(
            "its `name` is {:?}, but its path ends with {last:?}: they must be equal",
            frontmatter.name
        )));
    }
    Ok(frontmatter)
}

/// The skills whose folders a URI is in, or is.
fn enclosing<'r>(
    roots: &'r [(String, Root)],
    uri: &str,
) -> impl Iterator<Item = &'r (String, Root)> {
    roots.iter().filter(move |(root, _)| {
        let below = uri.strip_prefix(&**root);
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    })
}

fn innermost<'r>(roots: &'r [(String, Root)], uri: &str) -> Option<&'r (String, Root)> {
    enclosing(roots, uri).max_by_key(|(root, _)| root.len())
}

/// What a client needs for what is at this URI: the scopes of all skills that it is in, each once.
fn scopes_of(roots: &[(String, Root)], uri: &str) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in enclosing(roots, uri).flat_map(|(_, root)| &root.scopes) {
        if !scopes.contains(scope) {
            scopes.push(scope.clone());
        }
    }
    scopes
}
