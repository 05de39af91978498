//! Clients of 2024-11-05: one stream that carries all answers, and that ends with the connection.

use serde_json::{Value, json};

use crate::client::{Client, Fault, ask, hello, message, soon, text};
use crate::http::Response;
use crate::ledger::{Expected, Outcome};

const POST: &str = "Content-Type: application/json\r\n";

struct Session {
    stream: Response,
    endpoint: String,
    next_id: u64,
    /// Calls that were cancelled, whose answers may have crossed the cancel.
    cancelled: Vec<Expected>,
}

pub(crate) async fn visit(client: &mut Client) -> Result<(), Fault> {
    let mut session = Session::open(client).await?;
    for _ in 0..client.random.within(1..12) {
        client.pause().await;
        if client.is_over() {
            break;
        }
        match client.random.below(20) {
            0..9 => session.call(client, 1).await?,
            9..13 => {
                let calls = client.random.within(2..5);
                session.call(client, calls).await?;
            }
            13..16 => session.stall(client).await?,
            16 => {
                let errand = client.errand();
                return session.abandon(client, errand).await;
            }
            17 => return session.abandon(client, Client::endless_talk()).await,
            18 => session.cancel(client).await?,
            _ => client.offend(POST).await?,
        }
    }
    if client.random.below(2) == 0 {
        client.vanish();
        session.stream.reset().map_err(|error| error.to_string())?;
    }
    Ok(())
}

impl Session {
    async fn open(client: &mut Client) -> Result<Self, Fault> {
        let connection = match client.random.below(3) {
            0 => client.narrow_connection().await?,
            _ => client.connection().await?,
        };
        let mut stream = ask(connection, "GET /sse", "Accept: text/event-stream\r\n", "").await?;
        let first = soon("the endpoint", stream.event()).await?;
        let endpoint = first.filter(|event| event.name == "endpoint");
        let mut session = Self {
            stream,
            endpoint: endpoint.ok_or("no endpoint event")?.data,
            next_id: 1,
            cancelled: Vec::new(),
        };
        let initialize = text(Some(0), "initialize", hello(client.revision));
        session.post(client, &initialize).await?;
        match message(&mut session.stream).await? {
            Some(answer) if answer["result"]["serverInfo"]["name"] == "Soak" => {}
            other => return Err(format!("initialize is answered {other:?}")),
        }
        let initialized = text(None, "notifications/initialized", json!({}));
        session.post(client, &initialized).await?;
        Ok(session)
    }

    async fn post(&self, client: &mut Client, body: &str) -> Result<(), Fault> {
        let line = format!("POST {}", self.endpoint);
        let response = client.exchange(&line, POST, body).await?;
        client.finish(response, 202).await?;
        Ok(())
    }

    async fn send(&mut self, client: &mut Client, arguments: Value) -> Result<Expected, Fault> {
        let id = self.next_id;
        self.next_id += 1;
        let (call, params) = client.begins(id, arguments);
        let body = text(Some(id), "tools/call", params);
        self.post(client, &body).await?;
        Ok(call)
    }

    /// So many calls that run at the same time.
    async fn call(&mut self, client: &mut Client, calls: u64) -> Result<(), Fault> {
        let mut sent = Vec::new();
        for _ in 0..calls {
            let errand = client.errand();
            sent.push(self.send(client, errand).await?);
        }
        self.await_answers(client, sent).await
    }

    /// A client that does not read for a while still gets everything.
    async fn stall(&mut self, client: &mut Client) -> Result<(), Fault> {
        let call = self.send(client, Client::long_talk()).await?;
        let pause = client.random.millis(100..1_500);
        tokio::time::sleep(pause).await;
        self.await_answers(client, vec![call]).await
    }

    async fn await_answers(
        &mut self,
        client: &Client,
        mut calls: Vec<Expected>,
    ) -> Result<(), Fault> {
        while calls.iter().any(|call| !call.is_answered) {
            let Some(message) = message(&mut self.stream).await? else {
                return Err("the stream ended before the answers".to_owned());
            };
            if message["method"] == "notifications/tools/list_changed" {
                continue;
            }
            let mut all = calls.iter_mut().chain(&mut self.cancelled);
            match all.find(|call| call.is_of(&message)) {
                Some(call) => call.takes(&message)?,
                // An answer for the second time is here too.
                None => return Err(format!("a message of no call: {message}")),
            }
        }
        for _ in calls {
            client.settles(Outcome::Answered);
        }
        Ok(())
    }

    /// Leaves while a call runs.
    async fn abandon(mut self, client: &mut Client, arguments: Value) -> Result<(), Fault> {
        self.send(client, arguments).await?;
        let pause = client.random.millis(0..500);
        tokio::time::sleep(pause).await;
        client.settles(Outcome::Left);
        self.stream.reset().map_err(|error| error.to_string())
    }

    /// Cancels a call; its answer may cross the cancel.
    async fn cancel(&mut self, client: &mut Client) -> Result<(), Fault> {
        let wait = client.random.within(100..1_500);
        let call = self.send(client, json!({"ms": wait})).await?;
        let pause = client.random.millis(0..300);
        tokio::time::sleep(pause).await;
        let cancel = text(
            None,
            "notifications/cancelled",
            json!({"requestId": call.id}),
        );
        self.post(client, &cancel).await?;
        self.cancelled.push(call);
        client.settles(Outcome::Cancelled);
        Ok(())
    }
}
