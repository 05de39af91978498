//! [`SqliteRows`]: rows in SQLite, for all processes of this machine that open the same file.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use mcp_wire::BoxFuture;
use mcp_wire::backplane::{Row, Rows, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

const SCHEMA: &str = "PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS rows (
    key TEXT PRIMARY KEY,
    bytes BLOB NOT NULL,
    version INTEGER NOT NULL,
    end INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rows_by_end ON rows (end);";

/// SQLite tells nobody of changes, so whoever waits looks this often.
const LOOK: Duration = Duration::from_millis(250);

#[derive(Clone)]
pub struct SqliteRows(Arc<Mutex<Connection>>);

impl SqliteRows {
    pub fn open(path: impl AsRef<Path>) -> rusqlite::Result<Self> {
        let db = Connection::open(path)?;
        // Other processes write too.
        db.busy_timeout(Duration::from_secs(5))?;
        db.execute_batch(SCHEMA)?;
        Ok(Self(Arc::new(Mutex::new(db))))
    }

    /// Runs a statement where it may block.
    fn run<T: Send + 'static>(
        &self,
        statement: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<Result<T, StoreError>> {
        let db = Arc::clone(&self.0);
        Box::pin(async move {
            let statement = move || statement(&db.lock().unwrap_or_else(PoisonError::into_inner));
            Ok(tokio::task::spawn_blocking(statement).await??)
        })
    }
}

impl Rows for SqliteRows {
    fn get(&self, key: &str) -> BoxFuture<Result<Option<Row>, StoreError>> {
        let key = key.to_owned();
        self.run(move |db| {
            let select = "SELECT bytes, version, end FROM rows WHERE key = ?1 AND end > ?2";
            let row = |row: &rusqlite::Row<'_>| {
                Ok(Row {
                    bytes: Bytes::from(row.get::<_, Vec<u8>>(0)?),
                    version: row.get(1)?,
                    end: time(row.get(2)?),
                })
            };
            let mut select = db.prepare_cached(select)?;
            select
                .query_row(params![key, millis(SystemTime::now())], row)
                .optional()
        })
    }

    fn set(&self, key: &str, seen: Option<i64>, row: Row) -> BoxFuture<Result<bool, StoreError>> {
        let key = key.to_owned();
        self.run(move |db| {
            db.prepare_cached("DELETE FROM rows WHERE end <= ?1")?
                .execute([millis(SystemTime::now())])?;
            // Two processes that both find no row insert one, and the other learns that it did not.
            let statement = match seen {
                None => "INSERT OR IGNORE INTO rows (key, bytes, version, end) VALUES (?1, ?2, ?3, ?4)",
                Some(_) => "UPDATE rows SET bytes = ?2, version = ?3, end = ?4 WHERE key = ?1 AND version = ?5",
            };
            let mut statement = db.prepare_cached(statement)?;
            let (bytes, end) = (&row.bytes[..], millis(row.end));
            let written = match seen {
                None => statement.execute(params![key, bytes, row.version, end]),
                Some(seen) => statement.execute(params![key, bytes, row.version, end, seen]),
            };
            Ok(written? == 1)
        })
    }

    fn remove(&self, key: &str) -> BoxFuture<Result<(), StoreError>> {
        let key = key.to_owned();
        self.run(move |db| {
            db.prepare_cached("DELETE FROM rows WHERE key = ?1")?
                .execute([key])
                .map(drop)
        })
    }

    fn changed(&self, key: &str, seen: i64) -> BoxFuture<Result<(), StoreError>> {
        let (rows, key) = (self.clone(), key.to_owned());
        Box::pin(async move {
            while let Some(row) = rows.get(&key).await?
                && row.version == seen
            {
                tokio::time::sleep(LOOK).await;
            }
            Ok(())
        })
    }
}

/// As SQLite keeps it: milliseconds since 1970.
fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    millis.try_into().unwrap_or(i64::MAX)
}

fn time(millis: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis.try_into().unwrap_or_default())
}
