//! What a model can do with notes.

use std::sync::Arc;

use mcp_wire::Change;
use mcp_wire::server::{
    Arguments, Call, Content, Elicitation, Elicited, HandlerError, ResourceContents, Server, Tool,
    with_state,
};
use serde_json::{Map, Value, json};

use crate::notes::{Notes, no_such, owner, uri};
use crate::store::Note;
use crate::users::{READ, WRITE};

pub(crate) fn register(server: Server, notes: &Arc<Notes>) -> Server {
    let tool = |name: &str, scope: &str, about: &str, properties: Value| {
        let required: Vec<&String> = properties
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .collect();
        let input = json!({"type": "object", "properties": properties, "required": required});
        Tool::new(name)
            .scopes([scope])
            .description(about)
            .input(input)
    };
    let (id, text) = (json!({"type": "integer"}), json!({"type": "string"}));
    let find = tool(
        "find_notes",
        READ,
        "The newest notes with a text",
        json!({"text": text}),
    );
    let export = tool(
        "export_notes",
        READ,
        "All notes as one Markdown text",
        json!({}),
    );
    let add = tool(
        "add_note",
        WRITE,
        "Adds a note",
        json!({"title": text, "text": text}),
    );
    let edit = tool(
        "edit_note",
        WRITE,
        "Replaces the text",
        json!({"id": id, "text": text}),
    );
    let delete = tool(
        "delete_note",
        WRITE,
        "Deletes, if the person agrees",
        json!({"id": id}),
    );
    server
        .tool(find, with_state(notes, Notes::find))
        .tool(export, with_state(notes, Notes::export))
        .tool(add, with_state(notes, Notes::add))
        .tool(edit, with_state(notes, Notes::edit))
        .tool(delete, with_state(notes, Notes::delete))
}

fn value(note: &Note) -> Value {
    json!({"id": note.id, "title": note.title, "text": note.text})
}

impl Notes {
    async fn find(self: Arc<Self>, cx: Call, args: Arguments) -> Result<Value, HandlerError> {
        let notes = self.store.find(owner(&cx)?, args.str("text")?, 20)?;
        Ok(json!({"notes": notes.iter().map(value).collect::<Vec<_>>()}))
    }

    async fn add(self: Arc<Self>, cx: Call, args: Arguments) -> Result<Value, HandlerError> {
        let owner = owner(&cx)?;
        let note = self
            .store
            .add(owner, args.str("title")?, args.str("text")?)?;
        cx.publish_to(owner, &Change::Resources);
        Ok(value(&note))
    }

    async fn edit(self: Arc<Self>, cx: Call, args: Arguments) -> Result<Value, HandlerError> {
        let owner = owner(&cx)?;
        let id = args.unsigned("id")? as u32;
        let edited = self.store.edit(owner, id, args.str("text")?)?;
        let note = edited.ok_or_else(|| no_such(id))?;
        cx.resource_updated(uri(owner, note.id));
        Ok(value(&note))
    }

    /// In 2026-07-28 the handler runs again after the person answered, so nothing is deleted before that.
    async fn delete(self: Arc<Self>, cx: Call, args: Arguments) -> Result<String, HandlerError> {
        let owner = owner(&cx)?;
        let id = args.unsigned("id")? as u32;
        let note = self.note(owner, id)?;
        let form = json!({"type": "object", "properties": {"delete": {"type": "boolean"}}});
        let question = format!("Delete the note {:?} for good?", note.title);
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
    async fn export(self: Arc<Self>, cx: Call, _: Arguments) -> Result<Content, HandlerError> {
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
