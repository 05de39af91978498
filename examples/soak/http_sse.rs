//! Clients of 2024-11-05: one stream carries all answers, and the session ends with its connection.

use serde_json::{Value, json};

use crate::client::{Client, Failure, ask, in_time, initialize_params, message, text};
use crate::http::Response;
use crate::ledger::{Expected, Outcome};

const POST: &str = "Content-Type: application/json\r\n";

struct Session {
    stream: Response,
    endpoint: String,
    next_id: u64,
    /// Cancelled calls. Their answers may arrive if the server sent them before it read the cancellation.
    cancelled: Vec<Expected>,
}

pub(crate) async fn visit(client: &mut Client) -> Result<(), Failure> {
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
                let work = client.random_work();
                return session.abandon(client, work).await;
            }
            17 => return session.abandon(client, Client::endless_work()).await,
            18 => session.cancel(client).await?,
            _ => client.send_invalid(POST).await?,
        }
    }
    if client.random.below(2) == 0 {
        client.disconnect_idle();
        session.stream.reset().map_err(|error| error.to_string())?;
    }
    Ok(())
}

impl Session {
    async fn open(client: &mut Client) -> Result<Self, Failure> {
        let connection = match client.random.below(3) {
            0 => client.narrow_connection().await?,
            _ => client.connection().await?,
        };
        let mut stream = ask(connection, "GET /sse", "Accept: text/event-stream\r\n", "").await?;
        let first = in_time("the endpoint", stream.event()).await?;
        let endpoint = first.filter(|event| event.name == "endpoint");
        let mut session = Self {
            stream,
            endpoint: endpoint.ok_or("the first event is not `endpoint`")?.data,
            next_id: 1,
            cancelled: Vec::new(),
        };
        let initialize = text(Some(0), "initialize", initialize_params(client.revision));
        session.post(client, &initialize).await?;
        match message(&mut session.stream).await? {
            Some(answer) if answer["result"]["serverInfo"]["name"] == "Soak" => {}
            other => return Err(format!("the answer to initialize is {other:?}")),
        }
        let initialized = text(None, "notifications/initialized", json!({}));
        session.post(client, &initialized).await?;
        Ok(session)
    }

    async fn post(&self, client: &mut Client, body: &str) -> Result<(), Failure> {
        let line = format!("POST {}", self.endpoint);
        let response = client.exchange(&line, POST, body).await?;
        client.finish(response, 202).await?;
        Ok(())
    }

    async fn send(&mut self, client: &mut Client, arguments: Value) -> Result<Expected, Failure> {
        let id = self.next_id;
        self.next_id += 1;
        let (call, params) = client.begin_call(id, arguments);
        let body = text(Some(id), "tools/call", params);
        self.post(client, &body).await?;
        Ok(call)
    }

    /// Makes this many concurrent calls.
    async fn call(&mut self, client: &mut Client, calls: u64) -> Result<(), Failure> {
        let mut sent = Vec::new();
        for _ in 0..calls {
            let work = client.random_work();
            sent.push(self.send(client, work).await?);
        }
        self.await_answers(client, sent).await
    }

    /// Stops reading for a while, and still receives everything.
    async fn stall(&mut self, client: &mut Client) -> Result<(), Failure> {
        let call = self.send(client, Client::long_work()).await?;
        let pause = client.random.millis(100..1_500);
        tokio::time::sleep(pause).await;
        self.await_answers(client, vec![call]).await
    }

    async fn await_answers(
        &mut self,
        client: &Client,
        mut calls: Vec<Expected>,
    ) -> Result<(), Failure> {
        while calls.iter().any(|call| !call.is_answered) {
            let Some(message) = message(&mut self.stream).await? else {
                return Err("the stream ended before the answers".to_owned());
            };
            if message["method"] == "notifications/tools/list_changed" {
                continue;
            }
            let mut all = calls.iter_mut().chain(&mut self.cancelled);
            match all.find(|call| call.matches(&message)) {
                Some(call) => call.check(&message)?,
                // A second answer to the same call ends here too.
                None => return Err(format!("a message that belongs to no call: {message}")),
            }
        }
        for _ in calls {
            client.settle_call(Outcome::Answered);
        }
        Ok(())
    }

    /// Disconnects during a call.
    async fn abandon(mut self, client: &mut Client, arguments: Value) -> Result<(), Failure> {
        self.send(client, arguments).await?;
        let pause = client.random.millis(0..500);
        tokio::time::sleep(pause).await;
        client.settle_call(Outcome::Left);
        self.stream.reset().map_err(|error| error.to_string())
    }

    /// Cancels a call. Its answer may still arrive.
    async fn cancel(&mut self, client: &mut Client) -> Result<(), Failure> {
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
        client.settle_call(Outcome::Cancelled);
        Ok(())
    }
}
