//! [`Skill`]: what the embedder serves as one skill.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::path::{MANIFEST, META_PREFIX, media_type, path_fault};
use crate::server::call::Call;
use crate::server::metadata::meta::Meta;
use crate::server::resource::handler::{IntoResourceContents, ReadRequest, Reader, reader};
use crate::server::result::cache::{Cache, CacheScope};

/// The most files of a skill that every host loads (*Extension `io.modelcontextprotocol/skills`, Limits*).
pub(super) const FILES_LIMIT: usize = 512;
/// The most bytes of all files of such a skill.
pub(super) const BYTES_LIMIT: usize = 16 * 1024 * 1024;

/// A skill: a folder with a `SKILL.md`, and with the files that it needs (*Extension `io.modelcontextprotocol/skills`*).
///
/// `SKILL.md` begins with YAML between two lines `---`, which has at least `name` and `description`. Clients get
/// all of it as JSON.
///
/// ```
/// use mcp_wire::server::{Server, Skill, Skills};
///
/// let manifest = "---\nname: refunds\ndescription: How to refund an order\n---\n\nRead `limits.md` first.\n";
/// let skill = Skill::new("acme/billing/refunds", manifest)
///     .file("limits.md", "Up to 100 EUR without a manager.\n")
///     .generated("rates.csv", async |_, _| "EUR,1.08\n");
/// let server = Server::new("Shop", "1.0.0").skills(Skills::new().skill(skill));
/// ```
#[derive(Clone)]
pub struct Skill {
    pub(super) path: String,
    pub(super) files: BTreeMap<String, Body>,
    /// Folders that may have no files.
    pub(super) folders: BTreeSet<String>,
    pub(super) content: Content,
    pub(super) scopes: Vec<String>,
    pub(super) cache: Cache,
    pub(super) meta: Meta,
    /// Why the first setting that failed cannot be served.
    pub(super) fault: Option<String>,
}

/// What a file has.
#[derive(Clone)]
pub(super) enum Body {
    Fixed(Bytes),
    Generated(Reader),
}

/// Whether digests can be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Fixed,
    Dynamic,
}

impl Skill {
    /// A skill at a path such as `acme/billing/refunds`, whose last name is that of the skill, with the bytes of
    /// its `SKILL.md`. Its URI is `skill://acme/billing/refunds/SKILL.md`. A path that has a scheme of its own,
    /// such as `github://owner/repo/refunds`, is taken as it is.
    ///
    /// The build of the service fails if the path has another name than the frontmatter, and if the frontmatter
    /// is not YAML that JSON can express: anchors, aliases, tags, keys that are no texts and duplicated keys are
    /// refused with their line.
    pub fn new(path: impl Into<String>, manifest: impl AsRef<[u8]> + Send + 'static) -> Self {
        let files = BTreeMap::from([(MANIFEST.to_owned(), Body::of(manifest))]);
        Self::of_files(path.into(), files, BTreeSet::new())
    }

    /// A skill of these files, one of which is its `SKILL.md`.
    pub(super) fn of_files(
        path: String,
        files: BTreeMap<String, Body>,
        folders: BTreeSet<String>,
    ) -> Self {
        Self {
            path,
            files,
            folders,
            content: Content::Fixed,
            scopes: Vec::new(),
            cache: Cache::default(),
            meta: Meta::default(),
            fault: None,
        }
    }

    /// Adds a file by its path in the skill, such as `references/FORMS.md`. `include_bytes!` and `include_str!`
    /// give its bytes at compile time. A `SKILL.md` in a folder of the skill makes that folder a skill of its own,
    /// which is listed too.
    ///
    /// Clients read the file at its URI: as text if it is UTF-8, else as bytes. Its MIME type is that of its
    /// ending. The build of the service fails for a path that is there already, or that is none, such as `../x`.
    #[must_use]
    pub fn file(self, path: impl Into<String>, bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        self.put(path.into(), Body::of(bytes))
    }

    /// Adds a file whose contents a handler makes whenever it is read. The skill has no digests then: clients
    /// are told that it is dynamic, and some do not load such skills. `SKILL.md` itself is fixed.
    #[must_use]
    pub fn generated<F, R>(
        self,
        path: impl Into<String>,
        handler: impl Fn(Call, ReadRequest) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoResourceContents,
    {
        let path = path.into();
        let mime_type = media_type(&path, true);
        self.put(path, Body::Generated(reader(Some(mime_type), handler)))
    }

    /// Declares that the skill has more files than those that are added here: files that a resource template of
    /// yours answers for ([`Server::resource_template`](crate::server::Server::resource_template)). Clients are
    /// told that the skill is dynamic.
    #[must_use]
    pub fn dynamic(mut self) -> Self {
        self.content = Content::Dynamic;
        self
    }

    /// The scopes that a client needs for the skill, all of them: to get it, to read its files and its folders,
    /// and to see it in lists if there is [`Server::list_only_permitted`](crate::server::Server::list_only_permitted).
    /// A skill in a folder of another one needs the scopes of that one too. What a resource template answers below the
    /// folder of the skill needs them beside those of the template. Default: none.
    #[must_use]
    pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// How long clients may keep the skill and its files, and who may share them. Default: they may not be kept,
    /// and are private.
    #[must_use]
    pub fn cache(mut self, ttl: Duration, scope: CacheScope) -> Self {
        self.cache = Cache { ttl, scope };
        self
    }

    /// Adds an entry to the `_meta` of its `SKILL.md`. The prefix `io.modelcontextprotocol.skills/`, which the
    /// extension reserves for skills, may be used here and nowhere else. A key that is malformed, or that the
    /// protocol reserves for something else, fails the build of the service.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert_below(META_PREFIX, key, value);
        self
    }

    /// The path that it was made with.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    fn put(mut self, path: String, body: Body) -> Self {
        let fault = path_fault(&path).or_else(|| {
            let is_taken = self.files.contains_key(&path);
            is_taken.then(|| format!("the file {path:?} is there twice"))
        });
        match fault {
            Some(fault) => {
                self.fault.get_or_insert(fault);
            }
            None => {
                self.files.insert(path, body);
            }
        }
        self
    }
}

impl Body {
    pub(super) fn of(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self::Fixed(Bytes::from_owner(bytes))
    }
}

impl fmt::Debug for Skill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Skill")
            .field("path", &self.path)
            .field("files", &self.files.keys())
            .finish_non_exhaustive()
    }
}
