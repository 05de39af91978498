//! `skills/get` and `resources/directory/read`. `skills/list` is a list like the others.

use super::open_request::{Answer, OpenRequest};
use crate::server::item::Item;
use crate::server::metadata::meta::Meta;
use crate::server::metadata::scopes::has_scopes;
use crate::server::object_text::ObjectText;
use crate::server::result::page::Cursor;
use crate::server::result::place::Place;
use crate::server::skill::directories::Child;
use crate::wire::jsonrpc::ErrorObject;

/// What cursors of folders begin with.
const DIRECTORY: &str = "directory";

impl OpenRequest<'_> {
    /// SKILLS GET-1 to GET-4: the entry that lists have.
    pub(super) fn get_skill(&self) -> Answer {
        let uri = self.uri()?;
        let Some(entry) = self.registry.skill(&uri) else {
            let message = format!("no skill is served at {uri}: `uri` is that of a `SKILL.md`");
            return Err(ErrorObject::invalid_params(message));
        };
        let mut result = ObjectText::new();
        result.raw("skill", entry.as_text());
        let closing = self.closing.kept(self.kept(entry.kept()));
        Ok(closing.close_text(result.finish(), &Meta::default()))
    }

    /// SKILLS DIR-1 to DIR-4: the files and folders that a folder has.
    pub(super) fn read_directory(&self) -> Answer {
        let uri = self.uri()?;
        let served = self.registry.served_skills.directories.as_ref();
        let found = served.and_then(|all| Some((all, all.get(&uri)?)));
        let has = |scopes: &[String]| {
            !self.registry.lists_only_permitted || has_scopes(self.call.identity(), scopes)
        };
        let found = found.filter(|(all, _)| all.is_shown(&uri, &has));
        let Some((all, directory)) = found else {
            let message = format!("{uri} is not a folder that is served");
            return Err(ErrorObject::invalid_params(message));
        };
        let cursor = self.params().optional("cursor");
        let Place::Item(start) = Place::read(cursor, DIRECTORY)? else {
            return Err(Cursor::refusal());
        };
        let texts = directory
            .children()
            .filter_map(|(name, child)| match child {
                Child::File(uri) => {
                    let item = &self.registry.resources.get(uri)?.item;
                    has(item.needed_scopes()).then(|| item.to_text(self.version))
                }
                Child::Directory(uri) => all.is_shown(uri, &has).then(|| folder(uri, name)),
            });
        let texts: Vec<_> = texts.collect();
        if start > 0 && start >= texts.len() {
            return Err(Cursor::refusal());
        }
        let end = texts
            .len()
            .min(start.saturating_add(self.registry.page_size.0));
        let mut result = ObjectText::new();
        result.raw("resources", &format!("[{}]", texts[start..end].join(",")));
        if end < texts.len() {
            result.text("nextCursor", &Place::Item(end).to_cursor(DIRECTORY));
        }
        Ok(self.closing.close_text(result.finish(), &Meta::default()))
    }
}

/// A folder in a folder.
fn folder(uri: &str, name: &str) -> String {
    let mut folder = ObjectText::new();
    folder.text("uri", uri);
    folder.text("name", name);
    folder.text("mimeType", "inode/directory");
    folder.finish()
}
