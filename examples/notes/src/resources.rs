//! The notes of each user as resources: which there are depends on who asks, and changes all the time.

use std::sync::Arc;

use mcp_wire::jsonrpc::ErrorObject;
use mcp_wire::server::{
    Call, Completion, CompletionRequest, Cursor, HandlerError, Page, ReadRequest, Resource,
    ResourceContents, ResourceTemplate, Server, with_state,
};

use crate::notes::{Notes, owner, uri};
use crate::store::Note;
use crate::users::READ;

/// How many notes a page of the list has.
const PAGE: u32 = 50;

pub(crate) fn register(server: Server, notes: &Arc<Notes>) -> Server {
    let template = ResourceTemplate::new("notes://{user}/{id}", "note")
        .description("A note of a user, by its number")
        .mime_type("text/markdown")
        .scopes([READ]);
    server
        .list_resources(with_state(notes, Notes::list))
        .resource_template(template, with_state(notes, Notes::read))
        .subscriptions()
        .completion(with_state(notes, Notes::complete))
}

impl Notes {
    /// The cursor of a page is the number of the note before it.
    async fn list(
        self: Arc<Self>,
        cx: Call,
        cursor: Option<Cursor>,
    ) -> Result<Page<Resource>, HandlerError> {
        let owner = owner(&cx)?;
        let last = cursor.map_or(Ok(0), |cursor| cursor.as_str().parse());
        let last = last.map_err(|_| Cursor::refusal())?;
        let notes = self.store.after(owner, last, PAGE)?;
        let page = Page::new(notes.iter().map(|note| resource(owner, note)));
        let next = notes.last().filter(|_| notes.len() == PAGE as usize);
        Ok(page.maybe_next(next.map(|note| note.id.to_string().into())))
    }

    /// Also asked before a client may subscribe: who cannot read a note does not hear of its changes.
    async fn read(
        self: Arc<Self>,
        cx: Call,
        read: ReadRequest,
    ) -> Result<ResourceContents, HandlerError> {
        let not_found = || ErrorObject::resource_not_found(read.uri());
        let id = read.variable("id").and_then(|id| id.parse().ok());
        let owner = owner(&cx)?;
        let id = id.filter(|_| read.variable("user") == Some(owner));
        let note = self.store.get(owner, id.ok_or_else(not_found)?)?;
        let note = note.ok_or_else(not_found)?;
        Ok(ResourceContents::text(read.uri(), note.text).mime_type("text/markdown"))
    }

    /// Completes the variables of the template.
    async fn complete(
        self: Arc<Self>,
        cx: Call,
        request: CompletionRequest,
    ) -> Result<Completion, HandlerError> {
        let owner = owner(&cx)?;
        let mut values = match request.argument() {
            "user" => vec![owner.to_owned()],
            _ => {
                let notes = self.store.find(owner, "", 1000)?;
                notes.iter().map(|note| note.id.to_string()).collect()
            }
        };
        values.retain(|value| value.starts_with(request.value()));
        Ok(Completion::new(values))
    }
}

fn resource(owner: &str, note: &Note) -> Resource {
    Resource::new(uri(owner, note.id), &note.title)
        .mime_type("text/markdown")
        .size(note.text.len() as u64)
}
