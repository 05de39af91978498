//! [`Store`]: the notes of all users, in SQLite. It knows nothing of MCP.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mcp_wire::schemars::{self, JsonSchema};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use serde::Serialize;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS notes_of_owner ON notes (owner, id);";

/// One note.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Note {
    /// The number of the note.
    pub id: u32,
    pub title: String,
    /// Markdown.
    pub text: String,
}

/// The database. Each function asks for the owner, so that no user gets at the notes of another.
///
/// The functions block for the microseconds that SQLite takes; call a slower database with
/// `tokio::task::spawn_blocking`. The lock is never held while a handler waits.
pub struct Store(Mutex<Connection>);

impl Store {
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::over(Connection::open(path)?)
    }

    /// A database that ends with the process, for tests.
    pub fn in_memory() -> Result<Self> {
        Self::over(Connection::open_in_memory()?)
    }

    fn over(db: Connection) -> Result<Self> {
        db.execute_batch(SCHEMA)?;
        Ok(Self(Mutex::new(db)))
    }

    pub fn add(&self, owner: &str, title: &str, text: &str) -> Result<Note> {
        let insert =
            "INSERT INTO notes (owner, title, text) VALUES (?1, ?2, ?3) RETURNING id, title, text";
        self.db().query_row(insert, [owner, title, text], note)
    }

    pub fn get(&self, owner: &str, id: u32) -> Result<Option<Note>> {
        let select = "SELECT id, title, text FROM notes WHERE owner = ?1 AND id = ?2";
        let found = self.db().query_row(select, params![owner, id], note);
        found.optional()
    }

    /// Replaces the text. `None` if there is no such note.
    pub fn edit(&self, owner: &str, id: u32, text: &str) -> Result<Option<Note>> {
        let update =
            "UPDATE notes SET text = ?3 WHERE owner = ?1 AND id = ?2 RETURNING id, title, text";
        let edited = self.db().query_row(update, params![owner, id, text], note);
        edited.optional()
    }

    /// Whether there was such a note.
    pub fn remove(&self, owner: &str, id: u32) -> Result<bool> {
        let delete = "DELETE FROM notes WHERE owner = ?1 AND id = ?2";
        Ok(self.db().execute(delete, params![owner, id])? > 0)
    }

    pub fn count(&self, owner: &str) -> Result<u32> {
        let count = "SELECT count(*) FROM notes WHERE owner = ?1";
        self.db().query_row(count, [owner], |row| row.get(0))
    }

    /// The next notes after this one, oldest first.
    pub fn after(&self, owner: &str, id: u32, limit: u32) -> Result<Vec<Note>> {
        let select =
            "SELECT id, title, text FROM notes WHERE owner = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
        self.select(select, params![owner, id, limit])
    }

    /// The newest notes that contain these words.
    pub fn find(&self, owner: &str, words: &str, limit: u32) -> Result<Vec<Note>> {
        let select = "SELECT id, title, text FROM notes
            WHERE owner = ?1 AND (instr(lower(title), lower(?2)) OR instr(lower(text), lower(?2)))
            ORDER BY id DESC LIMIT ?3";
        self.select(select, params![owner, words, limit])
    }

    fn select(&self, select: &str, params: &[&dyn rusqlite::ToSql]) -> Result<Vec<Note>> {
        let db = self.db();
        let mut select = db.prepare_cached(select)?;
        select.query_map(params, note)?.collect()
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note(row: &Row<'_>) -> Result<Note> {
    Ok(Note {
        id: row.get(0)?,
        title: row.get(1)?,
        text: row.get(2)?,
    })
}
