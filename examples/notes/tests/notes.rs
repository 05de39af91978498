//! The whole service in memory: no socket, no file.

use std::error::Error;

use mcp_wire::test::{Client, Reply};
use mcp_wire::{McpService, ProtocolVersion};
use notes::store::Store;
use notes::{service, users};
use serde_json::json;

type Outcome = Result<(), Box<dyn Error>>;

const USERS: &str = "
# name token scopes
ada token-of-ada notes:read notes:write
bob token-of-bob notes:read notes:write
eve token-of-eve notes:read
";

fn start() -> Result<McpService, Box<dyn Error>> {
    Ok(service(Store::in_memory()?, users::read(USERS)?)?)
}

/// A client of each user.
fn clients<const N: usize>(mcp: &McpService, users: [&str; N]) -> [Client; N] {
    users.map(|user| Client::new(mcp).token(format!("token-of-{user}")))
}

#[tokio::test]
async fn notes_are_added_found_and_edited() -> Outcome {
    let mcp = start()?;
    for version in ProtocolVersion::ALL {
        let [ada] = clients(&mcp, ["ada"]).map(|client| client.version(version));
        let title = format!("Shopping in {version}");
        let added = ada
            .call("add_note", json!({"title": title, "text": "Milk"}))
            .await?;
        let id: u32 = serde_json::from_str::<serde_json::Value>(added.text())?["id"]
            .to_string()
            .parse()?;
        ada.call("edit_note", json!({"id": id, "text": "Milk, bread"}))
            .await?;
        let found = ada
            .call("find_notes", json!({"text": "BREAD", "limit": 1}))
            .await?;
        assert!(found.text().contains("Milk, bread"), "{}", found.text());
        assert_eq!(
            ada.read(&format!("notes://ada/{id}")).await?.text(),
            "Milk, bread"
        );
    }
    Ok(())
}

/// The schemas come from the types, and their texts from the comments.
#[tokio::test]
async fn tools_describe_themselves() -> Outcome {
    let [ada] = clients(&start()?, ["ada"]);
    let tools = ada.list_tools().await?;
    assert_eq!(tools.len(), 5);
    let find = tools.iter().find(|tool| tool["name"] == "find_notes");
    let find = find.ok_or("no find_notes")?;
    assert_eq!(find["inputSchema"]["required"], json!(["text"]));
    let about = &find["inputSchema"]["properties"]["limit"]["description"];
    assert_eq!(about, "How many notes, 100 at most. Default: 20.");
    assert_eq!(find["outputSchema"]["required"], json!(["notes"]));
    assert_eq!(find["annotations"]["readOnlyHint"], true);
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_is_said() -> Outcome {
    let mcp = start()?;
    let [ada, eve] = clients(&mcp, ["ada", "eve"]);
    for (tool, arguments, says) in [
        ("add_note", json!({"title": "x"}), "text"),
        ("add_note", json!({"title": 5, "text": "x"}), "title"),
        (
            "edit_note",
            json!({"id": 99, "text": "x"}),
            "there is no note 99",
        ),
        ("edit_note", json!({"id": -1, "text": "x"}), "id"),
    ] {
        let result = ada.call(tool, arguments).await?;
        assert!(
            result.is_error() && result.text().contains(says),
            "{}",
            result.text()
        );
    }
    let refused = eve
        .call("add_note", json!({"title": "x", "text": "y"}))
        .await
        .unwrap_err();
    assert_eq!(refused.status(), Some(403), "{refused}");
    let stranger = Client::new(&mcp).list_tools().await.unwrap_err();
    assert_eq!(stranger.status(), Some(401), "{stranger}");
    Ok(())
}

/// Each user lists, reads and hears of their own notes, and of no others.
#[tokio::test]
async fn a_note_is_its_owners() -> Outcome {
    let mcp = start()?;
    let [ada, bob] = clients(&mcp, ["ada", "bob"]);
    bob.list_resources().await?;
    for number in 1..=120 {
        let note = json!({"title": format!("Note {number}"), "text": "x"});
        ada.call("add_note", note).await?;
    }
    assert_eq!(ada.list_resources().await?.len(), 120);
    assert_eq!(bob.list_resources().await?, [] as [serde_json::Value; 0]);
    assert_eq!(
        bob.read("notes://ada/1").await.unwrap_err().code(),
        Some(-32002)
    );

    ada.subscribe("notes://ada/1").await?;
    assert!(bob.subscribe("notes://ada/1").await.is_err());
    ada.call("edit_note", json!({"id": 1, "text": "new"}))
        .await?;
    let told = ada.wait_for(|told| told.uri().is_some()).await?;
    assert_eq!(told.uri(), Some("notes://ada/1"));
    bob.call("add_note", json!({"title": "Of Bob", "text": "x"}))
        .await?;
    let told = bob.next_notification().await?;
    assert_eq!(told.method(), "notifications/resources/list_changed");
    assert_eq!(
        bob.notifications(),
        [],
        "Bob hears of his change, and of none of Ada's"
    );

    let completed = ada
        .complete_template("notes://{user}/{id}", "id", "11")
        .await?;
    assert_eq!(completed.values.len(), 11, "11 and 110 to 119");
    Ok(())
}

#[tokio::test]
async fn a_note_is_deleted_once_the_person_agrees() -> Outcome {
    let mcp = start()?;
    for version in [ProtocolVersion::V2025_11_25, ProtocolVersion::V2026_07_28] {
        let [ada] = clients(&mcp, ["ada"]).map(|client| client.version(version));
        let note = json!({"title": "Old", "text": "x"});
        let id = ada.call("add_note", note).await?.structured()["id"].clone();
        for (reply, said) in [
            (Reply::decline(), "The person wants to keep the note."),
            (
                Reply::accept(json!({"delete": false})),
                "The person wants to keep the note.",
            ),
            (Reply::accept(json!({"delete": true})), "Deleted \"Old\"."),
        ] {
            let asked = ada.clone().on_elicit(move |question| {
                assert_eq!(question.message(), "Delete the note \"Old\" for good?");
                reply.clone()
            });
            assert_eq!(
                asked.call("delete_note", json!({"id": id})).await?.text(),
                said
            );
        }
        assert!(
            ada.call("delete_note", json!({"id": id})).await?.is_error(),
            "it is gone"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_export_tells_its_progress_and_can_be_cancelled() -> Outcome {
    let mcp = start()?;
    let [ada] = clients(&mcp, ["ada"]);
    for number in 1..=500 {
        let note = json!({"title": format!("Note {number}"), "text": "x"});
        ada.call("add_note", note).await?;
    }
    let exported = ada.call("export_notes", json!({})).await?;
    let text = exported.content()[0]["resource"]["text"].as_str();
    let begins = "# Note 1\n\nx\n\n# Note 2\n";
    assert!(text.is_some_and(|text| text.starts_with(begins)));
    assert_eq!(exported.progress().len(), 50);
    assert_eq!(exported.progress()[49].total, Some(500.0));

    let [other] = clients(&mcp, ["ada"]);
    tokio::select! {
        exported = other.call("export_notes", json!({})) => panic!("{exported:?}"),
        told = other.next_notification() => assert_eq!(told?.params()["progress"], 10),
    }
    while mcp.snapshot().running > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(mcp.snapshot().cancelled, 1);
    Ok(())
}
