//! Clients of 2025-03-26 to 2025-11-25: they have sessions, and can resume streams after a disconnect.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::client::{Client, Failure, ask, in_time, initialize_params, message, parsed, text};
use crate::http::{Connection, Response};
use crate::ledger::{Expected, Outcome};

const POST: &str =
    "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";

struct Session {
    headers: String,
    next_id: u64,
    /// The standalone stream, while it is open.
    listening: Option<Response>,
}

pub(crate) async fn visit(client: &mut Client) -> Result<(), Failure> {
    let mut session = Session::open(client).await?;
    for _ in 0..client.random.within(1..12) {
        client.pause().await;
        if client.is_over() {
            break;
        }
        match client.random.below(20) {
            0..8 => session.call(client).await?,
            8..11 => session.call_several(client).await?,
            11..13 => session.stall(client).await?,
            13..16 => session.reset(client).await?,
            16 => session.overrun(client).await?,
            17 => session.cancel(client).await?,
            18 => session.listen(client).await?,
            _ => {
                let headers = format!("{}{POST}", session.headers);
                client.send_invalid(&headers).await?;
            }
        }
    }
    session.leave(client).await
}

impl Session {
    async fn open(client: &mut Client) -> Result<Self, Failure> {
        let body = text(Some(0), "initialize", initialize_params(client.revision));
        let response = client.exchange("POST /mcp", POST, &body).await?;
        let id = response.header("mcp-session-id").unwrap_or_default();
        let headers = format!(
            "Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: {}\r\n",
            client.revision
        );
        client.finish(response, 200).await?;
        let session = Self {
            headers,
            next_id: 1,
            listening: None,
        };
        let initialized = text(None, "notifications/initialized", json!({}));
        session.post(client, &initialized, 202).await?;
        Ok(session)
    }

    /// POSTs a message whose only answer is a status.
    async fn post(&self, client: &mut Client, body: &str, status: u16) -> Result<(), Failure> {
        let headers = format!("{}{POST}", self.headers);
        let response = client.exchange("POST /mcp", &headers, body).await?;
        client.finish(response, status).await?;
        Ok(())
    }

    /// Sends a call without waiting for its answer.
    async fn send(
        &mut self,
        client: &mut Client,
        connection: &mut Connection,
        arguments: serde_json::Value,
    ) -> Result<Expected, Failure> {
        let id = self.next_id;
        self.next_id += 1;
        let (call, params) = client.begin_call(id, arguments);
        let body = text(Some(id), "tools/call", params);
        let headers = format!("{}{POST}", self.headers);
        in_time("a write", connection.send("POST /mcp", &headers, &body)).await?;
        Ok(call)
    }

    async fn call(&mut self, client: &mut Client) -> Result<(), Failure> {
        let work = client.random_work();
        let mut connection = client.connection().await?;
        let call = self.send(client, &mut connection, work).await?;
        self.await_answer(client, connection, call).await
    }

    /// Makes concurrent calls, each on its own connection.
    async fn call_several(&mut self, client: &mut Client) -> Result<(), Failure> {
        let mut sent = Vec::new();
        for _ in 0..client.random.within(2..5) {
            let work = client.random_work();
            let mut connection = client.connection().await?;
            let call = self.send(client, &mut connection, work).await?;
            sent.push((connection, call));
        }
        for (connection, call) in sent {
            self.await_answer(client, connection, call).await?;
        }
        Ok(())
    }

    /// Stops reading for a while, and still receives everything.
    async fn stall(&mut self, client: &mut Client) -> Result<(), Failure> {
        let mut connection = client.narrow_connection().await?;
        let call = self
            .send(client, &mut connection, Client::long_work())
            .await?;
        let pause = client.random.millis(100..1_500);
        tokio::time::sleep(pause).await;
        self.await_answer(client, connection, call).await
    }

    async fn await_answer(
        &self,
        client: &mut Client,
        connection: Connection,
        mut call: Expected,
    ) -> Result<(), Failure> {
        let response = in_time("the head of a response", connection.response()).await?;
        let resumed = self.follow(client, response, &mut call).await?;
        client.settle_call(if resumed {
            Outcome::Resumed
        } else {
            Outcome::Answered
        });
        Ok(())
    }

    /// Reads a response to its end, and resumes a stream that ends before the answer. True if it had to resume.
    async fn follow(
        &self,
        client: &mut Client,
        mut response: Response,
        call: &mut Expected,
    ) -> Result<bool, Failure> {
        let mut resumed = false;
        loop {
            if !response.is_stream() {
                let body = client.finish(response, 200).await?;
                call.check(&parsed(&body)?)?;
                return Ok(resumed);
            }
            while let Some(message) = message(&mut response).await? {
                call.check(&message)?;
            }
            if call.is_answered {
                client.keep(response.into_connection());
                return Ok(resumed);
            }
            let last = response.last_event_id.take();
            let last = last
                .ok_or_else(|| format!("the stream of call {} ended without an answer", call.id))?;
            response = self.resume(client, &last).await?;
            resumed = true;
        }
    }

    async fn resume(&self, client: &mut Client, last: &str) -> Result<Response, Failure> {
        let headers = format!(
            "{}Accept: text/event-stream\r\nLast-Event-ID: {last}\r\n",
            self.headers
        );
        let mut response = client.exchange("GET /mcp", &headers, "").await?;
        if response.status != 200 {
            let status = response.status;
            return Err(format!(
                "the answer to a resuming client has status {status}"
            ));
        }
        // Until the next event, a further resume continues after this one.
        response.last_event_id = Some(last.to_owned());
        Ok(response)
    }

    /// Resets the connection of a call at a random moment, perhaps repeatedly, and resumes the stream if that is
    /// possible.
    async fn reset(&mut self, client: &mut Client) -> Result<(), Failure> {
        let work = match client.random.below(4) {
            0 => client.random_work(),
            _ => client.progress_work(),
        };
        let mut connection = client.connection().await?;
        let mut call = self.send(client, &mut connection, work).await?;
        let patience = client.random.millis(0..600);
        // Before the head has arrived, there is nothing to resume.
        let Ok(response) = timeout(patience, connection.response()).await else {
            client.settle_call(Outcome::Left);
            return Ok(());
        };
        let mut response = response.map_err(|error| error.to_string())?;
        let mut outcome = Outcome::Answered;
        while response.is_stream() && client.random.below(3) > 0 {
            let patience = client.random.millis(0..400);
            read_for(patience, &mut response, &mut call).await?;
            if call.is_answered {
                break;
            }
            let last = response.last_event_id.take();
            response.reset().map_err(|error| error.to_string())?;
            let Some(last) = last else {
                client.settle_call(Outcome::Left);
                return Ok(());
            };
            let absence = client.random.millis(0..1_000);
            tokio::time::sleep(absence).await;
            response = self.resume(client, &last).await?;
            outcome = Outcome::Resumed;
        }
        if self.follow(client, response, &mut call).await? {
            outcome = Outcome::Resumed;
        }
        client.settle_call(outcome);
        Ok(())
    }

    /// Lets a stream overflow, and disconnects.
    async fn overrun(&mut self, client: &mut Client) -> Result<(), Failure> {
        let mut connection = client.narrow_connection().await?;
        self.send(client, &mut connection, Client::endless_work())
            .await?;
        let pause = client.random.millis(100..500);
        tokio::time::sleep(pause).await;
        client.settle_call(Outcome::Left);
        connection.reset().map_err(|error| error.to_string())
    }

    /// Cancels a call. Its answer may still arrive.
    async fn cancel(&mut self, client: &mut Client) -> Result<(), Failure> {
        let wait = client.random.within(100..1_500);
        let mut connection = client.connection().await?;
        let call = self.send(client, &mut connection, json!({"ms": wait}));
        let mut call = call.await?;
        let pause = client.random.millis(0..300);
        tokio::time::sleep(pause).await;
        let cancel = text(
            None,
            "notifications/cancelled",
            json!({"requestId": call.id}),
        );
        self.post(client, &cancel, 202).await?;
        let mut response = in_time("the head of a response", connection.response()).await?;
        if response.is_stream() {
            while let Some(message) = message(&mut response).await? {
                call.check(&message)?;
            }
        } else {
            let body = parsed(&client.finish(response, 200).await?)?;
            if body["error"]["code"] != -32603 || body["id"] != call.id {
                call.check(&body)?;
            }
        }
        client.settle_call(Outcome::Cancelled);
        Ok(())
    }

    /// Opens the standalone stream, or checks what arrived on it and closes it.
    async fn listen(&mut self, client: &Client) -> Result<(), Failure> {
        if let Some(mut stream) = self.listening.take() {
            let look = timeout(Duration::from_millis(20), async {
                while let Some(message) = message(&mut stream).await? {
                    if message["method"] != "notifications/tools/list_changed" {
                        return Err(format!(
                            "a message that does not belong on the standalone stream: {message}"
                        ));
                    }
                }
                Ok(())
            });
            return look.await.unwrap_or(Ok(()));
        }
        let headers = format!("{}Accept: text/event-stream\r\n", self.headers);
        let connection = client.narrow_connection().await?;
        let response = ask(connection, "GET /mcp", &headers, "").await?;
        if response.status != 200 {
            return Err(format!(
                "the answer to a listening client has status {}",
                response.status
            ));
        }
        self.listening = Some(response);
        Ok(())
    }

    async fn leave(self, client: &mut Client) -> Result<(), Failure> {
        if client.random.below(2) == 0 {
            client.disconnect_idle();
            return Ok(());
        }
        let response = client.exchange("DELETE /mcp", &self.headers, "").await?;
        client.finish(response, 200).await?;
        // A deleted session is unknown.
        let headers = format!("{}{POST}", self.headers);
        let ping = text(Some(self.next_id), "ping", json!({}));
        let response = client.exchange("POST /mcp", &headers, &ping).await?;
        client.finish(response, 404).await?;
        Ok(())
    }
}

/// Reads a stream for this long, or to its end.
async fn read_for(
    patience: Duration,
    response: &mut Response,
    call: &mut Expected,
) -> Result<(), Failure> {
    let reading = async {
        while let Some(message) = message(response).await? {
            call.check(&message)?;
        }
        Ok(())
    };
    timeout(patience, reading).await.unwrap_or(Ok(()))
}
