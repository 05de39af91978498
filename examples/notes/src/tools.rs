//! What a model can do with notes.
//!
//! The arguments of a tool are a type, and so is its result: both schemas are made from them, and the comments
//! become descriptions.

use std::sync::Arc;

use mcp_wire::Change;
use mcp_wire::schemars::{self, JsonSchema};
use mcp_wire::server::{
    Call, Content, Elicitation, Elicited, HandlerError, Json, ResourceContents, Server, Tool,
    with_state,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::notes::{Notes, no_such, owner, uri};
use crate::store::Note;
use crate::users::{READ, WRITE};

pub(crate) fn register(server: Server, notes: &Arc<Notes>) -> Server {
    let reads = |name: &str, about: &str| {
        let tool = Tool::new(name).description(about);
        tool.scopes([READ]).read_only(true)
    };
    let writes = |name: &str, about: &str| Tool::new(name).description(about).scopes([WRITE]);
    let find = reads("find_notes", "Finds notes that contain a text");
    let export = reads("export_notes", "All notes as one Markdown text");
    let add = writes("add_note", "Adds a note").destructive(false);
    let edit = writes("edit_note", "Replaces the text of a note").idempotent(true);
    let delete = writes("delete_note", "Deletes a note, once the person agrees");
    server
        .typed_tool(find, with_state(notes, Notes::find))
        .typed_tool(export, with_state(notes, Notes::export))
        .typed_tool(add, with_state(notes, Notes::add))
        .typed_tool(edit, with_state(notes, Notes::edit))
        .typed_tool(delete, with_state(notes, Notes::delete))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Find {
    /// A part of the title or of the text, in any case.
    text: String,
    /// How many notes, 100 at most. Default: 20.
    limit: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Found {
    /// The newest first.
    notes: Vec<Note>,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Add {
    title: String,
    /// Markdown.
    text: String,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Edit {
    /// The number of the note.
    id: u32,
    /// The new text, which replaces the old one.
    text: String,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Delete {
    /// The number of the note.
    id: u32,
}

/// No arguments.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Export {}

impl Notes {
    async fn find(self: Arc<Self>, cx: Call, find: Find) -> Result<Json<Found>, HandlerError> {
        let limit = find.limit.unwrap_or(20).min(100);
        let notes = self.store.find(owner(&cx)?, &find.text, limit)?;
        Ok(Json(Found { notes }))
    }

    async fn add(self: Arc<Self>, cx: Call, add: Add) -> Result<Json<Note>, HandlerError> {
        let owner = owner(&cx)?;
        let note = self.store.add(owner, &add.title, &add.text)?;
        cx.publish_to(owner, &Change::Resources);
        Ok(Json(note))
    }

    async fn edit(self: Arc<Self>, cx: Call, edit: Edit) -> Result<Json<Note>, HandlerError> {
        let owner = owner(&cx)?;
        let edited = self.store.edit(owner, edit.id, &edit.text)?;
        let note = edited.ok_or_else(|| no_such(edit.id))?;
        cx.resource_updated(uri(owner, note.id));
        Ok(Json(note))
    }

    /// In 2026-07-28 the handler runs again after the person answered, so nothing is deleted before that.
    async fn delete(
        self: Arc<Self>,
        cx: Call,
        Delete { id }: Delete,
    ) -> Result<String, HandlerError> {
        let owner = owner(&cx)?;
        let note = self.note(owner, id)?;
        let question = format!("Delete the note {:?} for good?", note.title);
        let form = json!({"type": "object", "properties": {"delete": {"type": "boolean"}}});
        let answer = cx.elicit(&Elicitation::form(question, form)).await?;
        if !matches!(answer, Elicited::Accepted(yes) if yes["delete"] == true) {
            return Ok("The person wants to keep the note.".to_owned());
        }
        self.store.remove(owner, id)?;
        cx.publish_to(owner, &Change::Resources);
        Ok(format!("Deleted {:?}.", note.title))
    }

    /// Page by page, so that the database is free for others in between. A call that is cancelled is dropped at
    /// the `await`, and needs no code here.
    async fn export(self: Arc<Self>, cx: Call, _: Export) -> Result<Content, HandlerError> {
        let owner = owner(&cx)?;
        let total = f64::from(self.store.count(owner)?);
        let mut text = String::new();
        let (mut last, mut done) = (0, 0);
        loop {
            let page = self.store.after(owner, last, 10)?;
            let Some(newest) = page.last() else { break };
            (last, done) = (newest.id, done + page.len());
            for note in &page {
                text.push_str(&format!("# {}\n\n{}\n\n", note.title, note.text));
            }
            cx.progress(done as f64, total, None);
            tokio::task::yield_now().await;
        }
        let contents = ResourceContents::text(format!("notes://{owner}/all"), text);
        Ok(Content::embedded(contents.mime_type("text/markdown")))
    }
}
