//! What mcp-wire takes for granted of rows.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use durable::rows::SqliteRows;
use mcp_wire::backplane::{Row, Rows};

fn row(version: i64, lives: Duration) -> Row {
    // SQLite keeps whole milliseconds.
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = u64::try_from(since.unwrap().as_millis()).unwrap();
    Row {
        bytes: Bytes::from(vec![0, 255, u8::try_from(version).unwrap()]),
        version,
        end: SystemTime::UNIX_EPOCH + Duration::from_millis(millis) + lives,
    }
}

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test]
async fn a_row_is_written_only_over_the_version_that_was_seen() {
    let rows = SqliteRows::open(":memory:").unwrap();
    let (one, two) = (row(1, HOUR), row(2, HOUR));
    assert_eq!(rows.get("a").await.unwrap(), None);
    assert!(!rows.set("a", Some(1), one.clone()).await.unwrap());
    assert!(rows.set("a", None, one.clone()).await.unwrap());
    assert!(!rows.set("a", None, two.clone()).await.unwrap());
    assert_eq!(rows.get("a").await.unwrap(), Some(one));
    assert!(!rows.set("a", Some(2), two.clone()).await.unwrap());
    assert!(rows.set("a", Some(1), two.clone()).await.unwrap());
    assert_eq!(rows.get("a").await.unwrap(), Some(two));
    rows.remove("a").await.unwrap();
    assert_eq!(rows.get("a").await.unwrap(), None);
    rows.remove("a").await.unwrap();
}

#[tokio::test]
async fn a_row_whose_end_has_come_does_not_exist() {
    let rows = SqliteRows::open(":memory:").unwrap();
    let over = row(1, Duration::ZERO);
    assert!(rows.set("a", None, over).await.unwrap());
    assert_eq!(rows.get("a").await.unwrap(), None);
    rows.changed("a", 1).await.unwrap();
    assert!(!rows.set("a", Some(1), row(2, HOUR)).await.unwrap());
    assert!(rows.set("a", None, row(1, HOUR)).await.unwrap());
}

#[tokio::test]
async fn whoever_waits_hears_of_a_change_that_another_connection_makes() {
    let file = std::env::temp_dir().join(format!("durable-wake-{}.db", std::process::id()));
    let (here, there) = (
        SqliteRows::open(&file).unwrap(),
        SqliteRows::open(&file).unwrap(),
    );
    assert!(here.set("a", None, row(1, HOUR)).await.unwrap());
    let (woken, written) =
        tokio::join!(here.changed("a", 1), there.set("a", Some(1), row(2, HOUR)));
    woken.unwrap();
    assert!(written.unwrap());
    assert_eq!(here.get("a").await.unwrap().unwrap().version, 2);
    drop((here, there));
    for end in ["", "-wal", "-shm"] {
        let mut path = file.clone().into_os_string();
        path.push(end);
        let _ = std::fs::remove_file(path);
    }
}
